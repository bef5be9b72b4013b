use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::GraphBackend;

/// CUDA and wgpu, by the reference bodies.
impl<R: CubeRuntime, F: FloatElement, I: IntElement, BT: BoolElement> GraphBackend
    for CubeBackend<R, F, I, BT>
{
}
