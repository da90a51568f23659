"""The standard ONNX operators that compute numbers from numbers: what an ONNX file may be made of.

Left out of the standard are operators on texts and on pictures' files, and those of training.
"""

from __future__ import annotations

_MATHEMATICS = """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Ceil
    Clip Cos Cosh CumSum Det DFT Div Einsum Equal Erf Exp Floor Gemm Greater GreaterOrEqual HammingWindow HannWindow
    IsInf IsNaN Less LessOrEqual Log MatMul MatMulInteger Max Mean MelWeightMatrix Min Mod Mul Neg Not Or Pow Reciprocal
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
    Round Sign Sin Sinh Sqrt STFT Sub Sum Tan Tanh Where Xor
"""
_ARRAYS = """
    ArgMax ArgMin Cast CastLike CenterCropPad Col2Im Compress Concat Constant ConstantOfShape DepthToSpace Expand
    EyeLike Flatten Gather GatherElements GatherND Identity NonZero OneHot Pad Range Reshape ReverseSequence Scatter
    ScatterElements ScatterND Shape Size Slice SpaceToDepth Split Squeeze Tile TopK Transpose Trilu Unique Unsqueeze
"""
_NETWORKS = """
    AffineGrid AveragePool BatchNormalization Celu Conv ConvInteger ConvTranspose DeformConv Dropout Elu Gelu
    GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample GroupNormalization GRU Hardmax HardSigmoid HardSwish
    InstanceNormalization LayerNormalization LeakyRelu LogSoftmax LpNormalization LpPool LRN LSTM MaxPool MaxRoiPool
    MaxUnpool MeanVarianceNormalization Mish NonMaxSuppression PRelu Relu Resize RNN RoiAlign Selu Shrink Sigmoid
    Softmax Softplus Softsign Swish ThresholdedRelu Upsample
"""
_SEQUENCES = """
    ConcatFromSequence SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength
    SplitToSequence
"""
_INTEGERS = "DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul QuantizeLinear"
_CONTROL = "If Loop Scan"
# No answer may depend on them, which is looked at elsewhere.
_CHANCE = "Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike"

OPERATORS = frozenset(" ".join([_MATHEMATICS, _ARRAYS, _NETWORKS, _SEQUENCES, _INTEGERS, _CONTROL, _CHANCE]).split())
