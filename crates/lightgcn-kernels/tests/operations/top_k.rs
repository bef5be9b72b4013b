use burn::tensor::Tensor;
use lightgcn_kernels::{GraphBackend, LeaveOut, reference, top_k};

use crate::backends::on_every_backend;
use crate::cases::{Random, elements, tensor};

on_every_backend! {
    best: check_best;
    too_few: check_too_few;
}

/// Scores of small whole numbers, exact on every backend and full of ties, more products than units.
fn check_best<B: GraphBackend>(device: &B::Device) {
    let (n_users, n_items, dim, k) = (9, 700, 4, 20);
    let mut random = Random(1);
    let mut whole =
        |n: usize| -> Vec<f32> { (0..n).map(|_| random.below(5) as f32 - 2.0).collect() };
    let (users, items) = (whole(n_users * dim), whole(n_items * dim));
    let mut offsets = vec![0];
    let mut out = Vec::new();
    for user in 0..n_users {
        out.extend((0..60 * user).map(|_| random.below(n_items) as u32));
        offsets.push(out.len() as u32);
    }
    let leave_out = LeaveOut {
        offsets: &offsets,
        items: &out,
    };
    let score = |user: usize, item: usize| -> f32 {
        (0..dim)
            .map(|d| users[user * dim + d] * items[item * dim + d])
            .sum()
    };
    let (mut expected, mut expected_scores) = (Vec::new(), Vec::new());
    for user in 0..n_users {
        let left_out = &out[offsets[user] as usize..offsets[user + 1] as usize];
        let mut order: Vec<usize> = (0..n_items)
            .filter(|&item| !left_out.contains(&(item as u32)))
            .collect();
        order.sort_by(|&a, &b| score(user, b).total_cmp(&score(user, a)).then(a.cmp(&b)));
        expected.extend(order[..k].iter().map(|&item| item as i64));
        expected_scores.extend(order[..k].iter().map(|&item| f64::from(score(user, item))));
    }
    let (users, items): (Tensor<B, 2>, Tensor<B, 2>) = (
        tensor(&users, n_users, dim, device),
        tensor(&items, n_items, dim, device),
    );
    let found = top_k(users.clone(), items.clone(), leave_out, k);
    let by_reference = reference::top_k_of_scores(users.matmul(items.transpose()), leave_out, k);
    for found in [found, by_reference] {
        assert_eq!(
            found.items.into_data().iter::<i64>().collect::<Vec<_>>(),
            expected
        );
        assert_eq!(elements(found.scores), expected_scores);
    }
}

fn check_too_few<B: GraphBackend>(device: &B::Device) {
    let users = tensor::<B>(&[1.0, -1.0], 2, 1, device);
    let items = tensor::<B>(&[3.0, 1.0, 2.0], 3, 1, device);
    let leave_out = LeaveOut {
        offsets: &[0, 2, 5],
        items: &[2, 2, 0, 1, 2],
    };
    let found = top_k(users, items, leave_out, 3).items;
    assert_eq!(
        found.into_data().iter::<i64>().collect::<Vec<_>>(),
        [0, 1, -1, -1, -1, -1]
    );
}

#[cfg(feature = "flex")]
#[test]
#[should_panic(expected = "k is 4; it must be at least 1 and at most the 3 products")]
fn more_than_there_are_panics() {
    let tensor = |rows| {
        tensor::<lightgcn_kernels::CpuBackend>(&vec![0.0; rows], rows, 1, &Default::default())
    };
    let leave_out = LeaveOut {
        offsets: &[0, 0],
        items: &[],
    };
    top_k(tensor(1), tensor(3), leave_out, 4);
}

/// A GPU says how large a buffer may be; wgpu's limits begin at 128 MiB.
#[cfg(feature = "wgpu")]
#[test]
fn a_gpu_knows_its_largest_buffer() {
    use lightgcn_kernels::WgpuBackend;
    if let Some(device) = crate::backends::wgpu() {
        let memory = <burn::backend::Autodiff<WgpuBackend> as GraphBackend>::device_memory(&device);
        assert!(memory.is_some_and(|memory| memory.largest_buffer >= 128 << 20));
    }
}
