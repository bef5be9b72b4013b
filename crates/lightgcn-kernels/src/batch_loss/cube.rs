//! The losses on GPUs.
//!
//! BPR writes the gradient of each place of the batch, and adds up those of a row as
//! [`segment_sum_rows`](crate::segment_sum_rows()) does. The softmax loss has two large temporaries,
//! the scores of users and candidates and the slopes by them; its three products are burn's.

use burn::tensor::{DType, Tensor, TensorData};
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxSettings, reference};
use crate::cube::{Walk, contiguous, cubes, dims, empty, units};
use crate::primitive::{float_primitive, float_tensor};
use crate::row_indices::RowIndices;
use crate::sparse_matrix::upload_ints;

/// Units that go through one user's scores.
pub(crate) const SCORE_UNITS: u32 = 128;
/// What a score is that must not count: its exponential is 0 beside any other.
pub(crate) const NEVER: f32 = -1e30;

/// A unit a negative: its part of the loss and the slope `−w σ(−margin)`.
#[cube(launch_unchecked)]
fn bpr_slopes_kernel<N: Size>(
    embeddings: &Array<Vector<f32, N>>,
    places: &Array<i32>,
    weights: &Array<f32>,
    losses: &mut Array<f32>,
    slopes: &mut Array<f32>,
    n_pairs: u32,
    n_negatives: u32,
    vectors: u32,
) {
    let place = ABSOLUTE_POS as u32;
    if place < n_pairs * n_negatives {
        let pair = place / n_negatives;
        let user = u32::cast_from(places[pair as usize]) * vectors;
        let positive = u32::cast_from(places[(n_pairs + pair) as usize]) * vectors;
        let negative = u32::cast_from(places[(2u32 * n_pairs + place) as usize]) * vectors;
        let mut products = Vector::<f32, N>::new(0.0f32);
        for v in 0..vectors {
            let difference =
                embeddings[(positive + v) as usize] - embeddings[(negative + v) as usize];
            products += embeddings[(user + v) as usize] * difference;
        }
        let mut margin = 0.0f32;
        #[unroll]
        for lane in 0..N::value() {
            margin += products[lane];
        }
        let weight = weights[pair as usize];
        // Both forms of the exponential stay within range.
        let small = f32::exp(-f32::abs(margin));
        let mut loss = f32::ln(1.0f32 + small);
        let mut share = small / (1.0f32 + small);
        if margin < 0.0f32 {
            loss -= margin;
            share = 1.0f32 / (1.0f32 + small);
        }
        losses[place as usize] = weight * loss;
        slopes[place as usize] = -weight * share;
    }
}

/// A worker a place of the batch: the gradient of the embedding that it reads.
#[cube(launch_unchecked)]
fn bpr_gradients_kernel<N: Size>(
    embeddings: &Array<Vector<f32, N>>,
    places: &Array<i32>,
    slopes: &Array<f32>,
    out: &mut Array<Vector<f32, N>>,
    n_pairs: u32,
    n_negatives: u32,
    vectors: u32,
) {
    let place = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if place < n_pairs * (2u32 + n_negatives) {
        let mut v = UNIT_POS_X;
        while v < vectors {
            let mut gradient = Vector::<f32, N>::new(0.0f32);
            if place < 2u32 * n_pairs {
                let pair = place % n_pairs;
                let user =
                    embeddings[(u32::cast_from(places[pair as usize]) * vectors + v) as usize];
                let positive = u32::cast_from(places[(n_pairs + pair) as usize]) * vectors + v;
                let positive = embeddings[positive as usize];
                for n in 0..n_negatives {
                    let at = pair * n_negatives + n;
                    let slope = Vector::<f32, N>::new(slopes[at as usize]);
                    if place < n_pairs {
                        let negative = u32::cast_from(places[(2u32 * n_pairs + at) as usize]);
                        let negative = embeddings[(negative * vectors + v) as usize];
                        gradient += slope * (positive - negative);
                    } else {
                        gradient += slope * user;
                    }
                }
            } else {
                let at = place - 2u32 * n_pairs;
                let user = u32::cast_from(places[(at / n_negatives) as usize]);
                let user = embeddings[(user * vectors + v) as usize];
                gradient = user * Vector::new(-slopes[at as usize]);
            }
            out[(place * vectors + v) as usize] = gradient;
            v += CUBE_DIM_X;
        }
    }
}

fn upload<R, F, I, BT>(numbers: Vec<f32>, device: &R::Device) -> CubeTensor<R>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let shape = [numbers.len()];
    let data = TensorData::new(numbers, shape);
    let tensor: Tensor<CubeBackend<R, F, I, BT>, 1> = Tensor::from_data(data, (device, DType::F32));
    contiguous(float_primitive(tensor))
}

fn upload_rows<R, F, I, BT>(rows: impl Iterator<Item = u32>, device: &R::Device) -> CubeTensor<R>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let rows = rows.map(|row| row as i32).collect();
    contiguous(upload_ints::<CubeBackend<R, F, I, BT>>(rows, device).into_primitive())
}

/// The parts of the BPR loss and the gradient of each place.
pub(crate) struct BprPlaces<R: CubeRuntime> {
    /// `[n_pairs * n_negatives]`.
    pub(crate) losses: CubeTensor<R>,
    /// `[n_pairs * (2 + n_negatives), dim]`.
    pub(crate) gradient: CubeTensor<R>,
}

/// BPR on rows of contiguous `embeddings`. `places` (users, positives, negatives of each pair)
/// must name rows of them, which the callers have checked, and `weights` one number a pair.
pub(crate) fn bpr_places<R: CubeRuntime>(
    embeddings: &CubeTensor<R>,
    places: &CubeTensor<R>,
    weights: &CubeTensor<R>,
    n_pairs: usize,
    n_negatives: usize,
) -> BprPlaces<R> {
    let dim = dims(embeddings)[1];
    let n_triples = n_pairs * n_negatives;
    let n_places = n_pairs * (2 + n_negatives);
    let losses = empty(embeddings, [n_triples], DType::F32);
    let slopes = empty(embeddings, [n_triples], DType::F32);
    let gradients = empty(embeddings, [n_places, dim], DType::F32);
    let walk = Walk::new(dim);
    let client = &embeddings.client;
    let (count, cube_dim) = units(client, n_triples);
    // SAFETY: the callers have checked every place against the embeddings, and that positives and
    // weights are one a pair and negatives `n_negatives`; the kernels check their position against
    // those numbers.
    unsafe {
        bpr_slopes_kernel::launch_unchecked::<R>(
            client,
            count,
            cube_dim,
            walk.vector_size,
            embeddings.clone().into_array_arg(),
            places.clone().into_array_arg(),
            weights.clone().into_array_arg(),
            losses.clone().into_array_arg(),
            slopes.clone().into_array_arg(),
            n_pairs as u32,
            n_negatives as u32,
            walk.vectors,
        );
        bpr_gradients_kernel::launch_unchecked::<R>(
            client,
            walk.cubes(client, n_places),
            walk.cube_dim(),
            walk.vector_size,
            embeddings.clone().into_array_arg(),
            places.clone().into_array_arg(),
            slopes.into_array_arg(),
            gradients.clone().into_array_arg(),
            n_pairs as u32,
            n_negatives as u32,
            walk.vectors,
        );
    }
    BprPlaces {
        losses,
        gradient: gradients,
    }
}

pub(crate) fn bpr_loss_gradient<R, F, I, BT>(
    embeddings: Tensor<CubeBackend<R, F, I, BT>, 2>,
    batch: &BprBatch,
) -> LossGradient<CubeBackend<R, F, I, BT>>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let [n_rows, dim] = embeddings.dims();
    if embeddings.dtype() != DType::F32 || dim == 0 {
        return reference::bpr_loss_gradient(embeddings, batch);
    }
    let device = embeddings.device();
    let embeddings = contiguous(float_primitive(embeddings));
    let n_pairs = batch.users.len();
    let n_triples = batch.negatives.len();
    let n_negatives = n_triples / n_pairs;
    let places = [&batch.users[..], &batch.positives, &batch.negatives].concat();
    let rows = RowIndices::<CubeBackend<R, F, I, BT>>::from_slice(&places, n_rows, &device);
    let places = contiguous(rows.tensor().into_primitive());
    let weights = upload::<R, F, I, BT>(batch.weights.clone(), &device);
    let BprPlaces { losses, gradient } =
        bpr_places(&embeddings, &places, &weights, n_pairs, n_negatives);
    let loss: Tensor<CubeBackend<R, F, I, BT>, 1> = float_tensor(losses);
    LossGradient {
        loss: loss.sum(),
        gradient: float_tensor(crate::gather_rows::cube::segment_sum_rows(gradient, &rows)),
    }
}

/// A unit a pair: its own score; after that the scores that never count may be overwritten.
#[cube(launch_unchecked)]
fn own_scores_kernel(
    scores: &Array<f32>,
    users: &Array<i32>,
    items: &Array<i32>,
    own: &mut Array<f32>,
    n_pairs: u32,
    n_candidates: u32,
) {
    if ABSOLUTE_POS < n_pairs as usize {
        let user = u32::cast_from(users[ABSOLUTE_POS]);
        let item = u32::cast_from(items[ABSOLUTE_POS]);
        own[ABSOLUTE_POS] = scores[(user * n_candidates + item) as usize];
    }
}

/// A unit an exclusion.
#[cube(launch_unchecked)]
fn exclude_kernel(excluded: &Array<i32>, scores: &mut Array<f32>, n: u32, never: f32) {
    if ABSOLUTE_POS < n as usize {
        let place = u32::cast_from(excluded[ABSOLUTE_POS]) as usize;
        scores[place] = never;
    }
}

/// The sum, or with `largest` the largest, of what the units of a cube have, for all of them.
#[cube]
pub(crate) fn of_cube(shared: &mut SharedMemory<f32>, own: f32, #[comptime] largest: bool) -> f32 {
    shared[UNIT_POS_X as usize] = own;
    sync_cube();
    let mut half = CUBE_DIM_X / 2u32;
    while half > 0u32 {
        if UNIT_POS_X < half {
            let other = shared[(UNIT_POS_X + half) as usize];
            let here = shared[UNIT_POS_X as usize];
            if largest {
                shared[UNIT_POS_X as usize] = max(here, other);
            } else {
                shared[UNIT_POS_X as usize] = here + other;
            }
        }
        sync_cube();
        half /= 2u32;
    }
    let result = shared[0];
    sync_cube();
    result
}

/// A cube a user: the losses of his pairs, and the slopes by his scores.
#[cube(launch_unchecked)]
fn softmax_kernel(
    starts: &Array<i32>,
    items: &Array<i32>,
    own: &Array<f32>,
    weights: &Array<f32>,
    candidate_weights: &Array<f32>,
    scores: &Array<f32>,
    slopes: &mut Array<f32>,
    losses: &mut Array<f32>,
    n_users: u32,
    n_candidates: u32,
    inverse_temperature: f32,
    negative_weight: f32,
    never: f32,
    #[comptime] units: u32,
) {
    let mut shared = SharedMemory::<f32>::new(units as usize);
    if CUBE_POS < n_users as usize {
        let first = CUBE_POS as u32 * n_candidates;
        let start = u32::cast_from(starts[CUBE_POS]);
        let end = u32::cast_from(starts[CUBE_POS + 1]);
        let mut j = UNIT_POS_X;
        while j < n_candidates {
            slopes[(first + j) as usize] = 0.0f32;
            j += units;
        }
        for pair in start..end {
            let item = u32::cast_from(items[pair as usize]);
            let mut top = never;
            let mut j = UNIT_POS_X;
            while j < n_candidates {
                if j != item {
                    top = max(top, scores[(first + j) as usize]);
                }
                j += units;
            }
            let top = of_cube(&mut shared, top, true);
            let has_negatives = top > never;
            let mut total = 0.0f32;
            let mut j = UNIT_POS_X;
            while j < n_candidates {
                let score = scores[(first + j) as usize];
                if j != item && score > never {
                    let power = f32::exp((score - top) * inverse_temperature);
                    total += candidate_weights[j as usize] * power;
                }
                j += units;
            }
            let total = of_cube(&mut shared, total, false);
            let weight = weights[pair as usize];
            let mut factor = 0.0f32;
            if has_negatives {
                factor = weight * negative_weight * inverse_temperature / total;
            }
            let mut j = UNIT_POS_X;
            while j < n_candidates {
                let score = scores[(first + j) as usize];
                if j == item {
                    slopes[(first + j) as usize] -= weight * inverse_temperature;
                } else if score > never {
                    let power = f32::exp((score - top) * inverse_temperature);
                    slopes[(first + j) as usize] += factor * candidate_weights[j as usize] * power;
                }
                j += units;
            }
            if UNIT_POS_X == 0 {
                let mut loss = -own[pair as usize] * inverse_temperature;
                if has_negatives {
                    loss += negative_weight * (f32::ln(total) + top * inverse_temperature);
                }
                losses[pair as usize] = weight * loss;
            }
        }
    }
}

pub(crate) fn softmax_loss_gradient<R, F, I, BT>(
    embeddings: Tensor<CubeBackend<R, F, I, BT>, 2>,
    batch: &SoftmaxBatch,
    settings: &SoftmaxSettings,
) -> LossGradient<CubeBackend<R, F, I, BT>>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let [n_rows, dim] = embeddings.dims();
    let (n_users, n_candidates) = (batch.n_users, n_rows - batch.n_users);
    if embeddings.dtype() != DType::F32 || dim == 0 || n_users * n_candidates > i32::MAX as usize {
        return reference::softmax_loss_gradient(embeddings, batch, settings);
    }
    let squared = (embeddings.clone() * embeddings.clone()).sum_dim(1);
    let length = squared.clamp_min(reference::LEAST_SQUARED_LENGTH).sqrt();
    let unit = embeddings / length.clone();
    let users = unit.clone().narrow(0, 0, n_users);
    let candidates = unit.clone().narrow(0, n_users, n_candidates);
    let scores = users.clone().matmul(candidates.clone().transpose());
    let LossGradient {
        loss,
        gradient: slopes,
    } = by_scores(scores, batch, settings);
    let by_user = slopes.clone().matmul(candidates);
    let by_candidate = slopes.transpose().matmul(users);
    let by_unit = Tensor::cat(vec![by_user, by_candidate], 0);
    let along = (by_unit.clone() * unit.clone()).sum_dim(1);
    LossGradient {
        loss,
        gradient: (by_unit - along * unit) / length,
    }
}

/// The loss and its gradient by the scores, `[n_users, n_candidates]`.
fn by_scores<R, F, I, BT>(
    scores: Tensor<CubeBackend<R, F, I, BT>, 2>,
    batch: &SoftmaxBatch,
    settings: &SoftmaxSettings,
) -> LossGradient<CubeBackend<R, F, I, BT>>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let device = scores.device();
    let scores = contiguous(float_primitive(scores));
    let [n_users, n_candidates] = dims(&scores);
    let n_pairs = batch.users.len();
    let ints = |rows: &mut dyn Iterator<Item = u32>| upload_rows::<R, F, I, BT>(rows, &device);
    let users = ints(&mut batch.users.iter().copied());
    let items = ints(&mut batch.items.iter().copied());
    let starts =
        (0..=n_users as u32).map(|user| batch.users.partition_point(|&other| other < user) as u32);
    let starts = ints(&mut { starts });
    let own = empty(&scores, [n_pairs], DType::F32);
    let losses = empty(&scores, [n_pairs], DType::F32);
    let slopes = empty(&scores, [n_users, n_candidates], DType::F32);
    let client = &scores.client;
    let (count, cube_dim) = units(client, n_pairs);
    // SAFETY: the caller has checked that the pairs' users and items lie within the scores;
    // the kernel checks its position against their number.
    unsafe {
        own_scores_kernel::launch_unchecked::<R>(
            client,
            count,
            cube_dim,
            scores.clone().into_array_arg(),
            users.into_array_arg(),
            items.clone().into_array_arg(),
            own.clone().into_array_arg(),
            n_pairs as u32,
            n_candidates as u32,
        );
    }
    let excluded: Vec<u32> = (0u32..)
        .zip(batch.excluded.iter().flatten())
        .flat_map(|(user, list)| {
            list.iter()
                .map(move |item| user * n_candidates as u32 + item)
        })
        .collect();
    if !excluded.is_empty() {
        assert!(
            excluded
                .iter()
                .all(|&place| (place as usize) < n_users * n_candidates),
            "softmax_loss_gradient: an exclusion is outside the batch"
        );
        let n = excluded.len();
        let (count, cube_dim) = units(client, n);
        // SAFETY: every place was checked just above.
        unsafe {
            exclude_kernel::launch_unchecked::<R>(
                client,
                count,
                cube_dim,
                ints(&mut excluded.into_iter()).into_array_arg(),
                scores.clone().into_array_arg(),
                n as u32,
                NEVER,
            );
        }
    }
    // SAFETY: `starts` cuts the pairs by user, the candidates' weights are one a candidate, and
    // each cube checks its user's number.
    unsafe {
        softmax_kernel::launch_unchecked::<R>(
            client,
            cubes(client, n_users),
            CubeDim::new_1d(SCORE_UNITS),
            starts.into_array_arg(),
            items.into_array_arg(),
            own.into_array_arg(),
            upload::<R, F, I, BT>(batch.weights.clone(), &device).into_array_arg(),
            upload::<R, F, I, BT>(batch.candidate_weights.clone(), &device).into_array_arg(),
            scores.clone().into_array_arg(),
            slopes.clone().into_array_arg(),
            losses.clone().into_array_arg(),
            n_users as u32,
            n_candidates as u32,
            1.0 / settings.temperature,
            settings.negative_weight,
            NEVER,
            SCORE_UNITS,
        );
    }
    let losses: Tensor<CubeBackend<R, F, I, BT>, 1> = float_tensor(losses);
    LossGradient {
        loss: losses.sum(),
        gradient: float_tensor(slopes),
    }
}
