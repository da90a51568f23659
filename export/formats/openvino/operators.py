"""The operators of OpenVINO's standard sets that compute numbers from numbers: what a model may be made of.

Left out are those that keep a state, draw random numbers, hold graphs of their own, and work on texts and pictures.
"""

from __future__ import annotations

_MATHEMATICS = """
    Abs Acos Acosh Add Asin Asinh Atan Atanh BitwiseAnd BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift
    BitwiseXor Bucketize Ceiling Clamp Convert ConvertLike Cos Cosh CumSum DFT Divide Einsum Equal Erf Exp Floor
    FloorMod Greater GreaterEqual IDFT Inverse IRDFT IsFinite IsInf IsNaN ISTFT Less LessEqual Log LogicalAnd LogicalNot
    LogicalOr LogicalXor MatMul Maximum Minimum Mod Multiply Negative NotEqual Power RDFT ReduceL1 ReduceL2
    ReduceLogicalAnd ReduceLogicalOr ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Round Select Sign Sin Sinh Sqrt
    SquaredDifference STFT Subtract Tan
"""
_ARRAYS = """
    BatchToSpace Broadcast Col2Im Concat Const DepthToSpace ExtractImagePatches Eye Gather GatherElements GatherND
    GatherTree Identity NonZero OneHot Pad Parameter Range Reshape Result Reverse ReverseSequence Roll
    ScatterElementsUpdate ScatterNDUpdate ScatterUpdate SearchSorted ShapeOf ShuffleChannels Slice SliceScatter
    SpaceToBatch SpaceToDepth Split Squeeze StridedSlice Tile TopK Transpose Unique Unsqueeze VariadicSplit
"""
_NETWORKS = """
    AdaptiveAvgPool AdaptiveMaxPool AvgPool BatchNormInference Convolution ConvolutionBackpropData DeformableConvolution
    Elu FakeQuantize Gelu GridSample GroupConvolution GroupConvolutionBackpropData GroupNormalization GRUCell
    GRUSequence HardSigmoid HSigmoid HSwish Interpolate LogSoftmax LRN LSTMCell LSTMSequence MaxPool Mish MVN
    NonMaxSuppression NormalizeL2 PReLU ReLU RNNCell RNNSequence ROIAlign ScaledDotProductAttention Selu Sigmoid SoftMax
    SoftPlus SoftSign Swish Tanh
"""

OPERATORS = frozenset(" ".join([_MATHEMATICS, _ARRAYS, _NETWORKS]).split())
