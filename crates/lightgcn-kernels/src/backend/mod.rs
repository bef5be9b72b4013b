//! The operations as traits over burn's backends.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "fusion")]
mod fusion;
#[cfg(feature = "ndarray")]
mod ndarray;
mod sparse;
mod training;

pub use sparse::SparseBackend;
pub use training::TrainingBackend;

/// burn's CPU backend with the fast loops of `lightgcn-simd`.
#[cfg(feature = "flex")]
pub type CpuBackend = burn::backend::Flex;

/// Vulkan, Metal, DirectX 12 and WebGPU through wgpu, without burn's operation fusion, whether or
/// not another crate turns that on.
#[cfg(feature = "wgpu")]
pub type WgpuBackend = burn_cubecl::CubeBackend<burn::backend::wgpu::WgpuRuntime, f32, i32, u32>;

/// NVIDIA GPUs, without burn's operation fusion, whether or not another crate turns that on.
#[cfg(feature = "cuda")]
pub type CudaBackend =
    burn_cubecl::CubeBackend<burn_cubecl::cubecl::cuda::CudaRuntime, f32, i32, u8>;
