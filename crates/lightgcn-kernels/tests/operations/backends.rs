//! Which backends are tested, and where they run.

/// A test of one check on every backend of the build. A backend whose device is missing is skipped
/// with one printed line.
macro_rules! on_every_backend {
    ($($name:ident: $check:ident;)*) => {
        $(mod $name {
            #[cfg(feature = "flex")]
            #[test]
            fn flex() {
                super::$check::<lightgcn_kernels::CpuBackend>(&Default::default());
            }

            #[cfg(feature = "ndarray")]
            #[test]
            fn ndarray() {
                super::$check::<burn::backend::NdArray>(&Default::default());
            }

            #[cfg(feature = "wgpu")]
            #[test]
            fn wgpu() {
                if let Some(device) = crate::backends::wgpu() {
                    super::$check::<lightgcn_kernels::WgpuBackend>(&device);
                }
            }

            #[cfg(all(feature = "wgpu", feature = "fusion"))]
            #[test]
            fn fused_wgpu() {
                if let Some(device) = crate::backends::wgpu() {
                    super::$check::<burn_fusion::Fusion<lightgcn_kernels::WgpuBackend>>(&device);
                }
            }

            #[cfg(feature = "cuda")]
            #[test]
            fn cuda() {
                if let Some(device) = crate::backends::cuda() {
                    super::$check::<lightgcn_kernels::CudaBackend>(&device);
                }
            }
        })*
    };
}
pub(crate) use on_every_backend;

#[cfg(feature = "wgpu")]
pub(crate) fn wgpu() -> Option<lightgcn_kernels::device::WgpuDevice> {
    lightgcn_kernels::device::wgpu_device(Default::default())
        .inspect_err(|error| {
            let required = std::env::var_os("LIGHTGCN_REQUIRE_WGPU").is_some();
            assert!(!required, "{error}");
            eprintln!("skipped: {error}");
        })
        .ok()
}

#[cfg(feature = "cuda")]
pub(crate) fn cuda() -> Option<lightgcn_kernels::device::CudaDevice> {
    lightgcn_kernels::device::cuda_device(0)
        .inspect_err(|error| eprintln!("skipped: {error}"))
        .ok()
}
