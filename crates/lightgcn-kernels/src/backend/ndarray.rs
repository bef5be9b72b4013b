use burn_ndarray::{
    FloatNdArrayElement, IntNdArrayElement, NdArray, NdArrayTensor, QuantElement, SharedArray,
};

use super::GraphBackend;

/// burn's NdArray, by the reference bodies.
impl<E: FloatNdArrayElement, I: IntNdArrayElement, Q: QuantElement> GraphBackend
    for NdArray<E, I, Q>
where
    NdArrayTensor: From<SharedArray<E>> + From<SharedArray<I>>,
{
}
