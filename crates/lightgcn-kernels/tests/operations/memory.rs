use burn::backend::Autodiff;
use lightgcn_kernels::{SparseBackend, WgpuBackend};

/// A GPU reports how large a buffer may be; wgpu's limits begin at 128 MiB.
#[test]
fn a_gpu_reports_its_largest_buffer() {
    if let Some(device) = crate::backends::wgpu() {
        let memory = Autodiff::<WgpuBackend>::device_memory(&device);
        assert!(memory.is_some_and(|memory| memory.largest_buffer >= 128 << 20));
    }
}
