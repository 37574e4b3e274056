namespace Serving.Compute.Programs;

/// <summary>What a <see cref="LinearOp"/> does with its fp32 result (accumulated product + bias + LoRA delta).</summary>
public enum LinearOutput
{
    /// <summary>Rounded once to a bf16 buffer.</summary>
    Round,

    /// <summary>Written unrounded to an fp32 buffer: RoPE follows and rounds, or a norm adds it to the residual stream (o and down of Gemma).</summary>
    Keep,

    /// <summary>Added unrounded to an fp32 buffer: the residual stream (o and down).</summary>
    Accumulate,

    /// <summary>
    /// Written unrounded to an fp32 buffer: one rank's part of a sum over ranks. Bias and deltas go to the columns of the slices alone, as the other ranks see to theirs.
    /// </summary>
    Partial,
}

/// <summary>What a gate goes through before it multiplies.</summary>
public enum GateActivation
{
    /// <summary>x ÷ (1 + e⁻ˣ) (Llama, Mistral, Qwen).</summary>
    Silu,

    /// <summary>GELU by tanh, ½x(1 + tanh(√(2 ÷ π)(x + 0.044715x³))) (arXiv 1606.08415; Gemma).</summary>
    GeluTanh,

    /// <summary>
    /// x·σ(1.702x), GELU by the logistic function (arXiv 1606.08415), of a gate that is bounded from above; what it multiplies is bounded on both sides and has 1 added (gpt-oss).
    /// </summary>
    SwigluOai,
}

/// <summary>What an MLP without a gate goes through.</summary>
public enum MlpActivation
{
    /// <summary>GELU by tanh, as <see cref="GateActivation.GeluTanh"/> (StarCoder 2, Phi 2).</summary>
    GeluTanh,

    /// <summary>max(x, 0)² (arXiv 2109.08668; Nemotron).</summary>
    SquaredRelu,

    /// <summary>xIELU (arXiv 2411.13010; Apertus): p·x² + b·x above 0, (b + n)·(e^min(x, m) − 1 − x) + b·x elsewhere, by four numbers p, n, b, m of the layer.</summary>
    XIelu,
}

/// <summary>One operation of a <see cref="ModelProgram"/>. Buffers and weights are indices into the program's lists.</summary>
public abstract record ProgramOp;

/// <summary>output[row] (fp32) = weight[token of row] · <paramref name="Scale"/>, unrounded.</summary>
public sealed record EmbedOp(int Output, int Weight, float Scale = 1) : ProgramOp;

/// <summary>output (bf16) = x · rsqrt(mean(x²) + epsilon) · weight, in fp32, rounded once. Input fp32.</summary>
/// <param name="Input">What is normed.</param>
/// <param name="Output">Where it goes.</param>
/// <param name="Weight">The norm's weight; null norms nothing: output is the input, rounded (a layer of OLMo 2, whose norms all stand behind attention and MLP).</param>
/// <param name="Epsilon">Added to the mean.</param>
/// <param name="Accumulate">Added unrounded to output, fp32: the residual stream of models that norm what attention and MLP give back.</param>
/// <param name="FirstColumn">
/// Norms as many columns as the weight has from this one on, unrounded, to the same columns of output, fp32, which may be the input itself; what lies beside them stays. q or k whose heads
/// are normed together (OLMo 2). Null for the whole row.
/// </param>
public sealed record RmsNormOp(int Input, int Output, int? Weight, float Epsilon, bool Accumulate = false, int? FirstColumn = null) : ProgramOp;

/// <summary>
/// LayerNorm (arXiv 1607.06450): output (bf16) = (x − mean(x)) · rsqrt(mean((x − mean(x))²) + epsilon) · weight + bias, in fp32, rounded once. Input fp32.
/// </summary>
/// <param name="Input">What is normed.</param>
/// <param name="Output">Where it goes.</param>
/// <param name="Weight">The norm's weight.</param>
/// <param name="Bias">What is added; null for nothing (Command R).</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="FirstColumn">
/// Norms as many columns as the weight has from this one on, a head by itself, unrounded, to the same columns of output, fp32, which may be the input itself: q or k each of whose heads has a
/// weight of its own (Command R+, StableLM 2 12B). Null for the whole row.
/// </param>
public sealed record LayerNormOp(int Input, int Output, int Weight, int? Bias, float Epsilon, int? FirstColumn = null) : ProgramOp;

/// <summary>
/// output = input (bf16) · weightᵀ + bias + LoRA deltas of the row's adapter, fp32 accumulation; see <see cref="LinearOutput"/>. Of rows per choice every one meets its
/// expert's matrix (<see cref="WeightSpec.Experts"/>), its expert's part of the bias and its deltas (<see cref="LoraSlice.Experts"/>).
/// </summary>
public sealed record LinearOp(int Input, int Output, int Weight, int? Bias, LinearOutput Mode, IReadOnlyList<LoraSlice> Slices) : ProgramOp;

/// <summary>
/// Splits input (fp32, [q | k | v]) into heads; norms q and k per head where weights are given (Qwen3); rotates q and k by the row's
/// position (half-split pairs: element i with element i + headSize/2) in table <paramref name="Table"/> of the program's <see cref="RopeTable"/>; rounds q to output (bf16)
/// and k, v once to the row's page slot of <paramref name="Layer"/>. With <paramref name="NormsTurned"/> the norms stand behind the rotation (Hunyuan): it leaves a head's length as it is, so that what a
/// head is divided by is found before it, and the weights alone come after.
/// </summary>
public sealed record RopeAndAppendOp(int Input, int Output, int Layer, int? QueryNorm, int? KeyNorm, float Epsilon, int Table = 0, bool NormsTurned = false) : ProgramOp;

/// <summary>
/// Causal attention by ordinal of input (q, bf16) over the sequence's pages of <paramref name="Layer"/>; output bf16. Scores are multiplied by <paramref name="Scale"/>,
/// and with a cap then made cap · tanh(score ÷ cap).
/// </summary>
/// <param name="Input">Queries.</param>
/// <param name="Output">What they attended to.</param>
/// <param name="Layer">Layer number.</param>
/// <param name="Scale">Factor of the scores.</param>
/// <param name="Window">
/// A row attends to so many ordinals, its own the last of them; 0 for all up to its own. Blocks and splits are counted from ordinal 0 all the same, so that the window
/// changes which are walked and masked, and no order of accumulation.
/// </param>
/// <param name="ScoreCap">Bound of the scores (Gemma 2); 0 for none.</param>
/// <param name="Sinks">
/// A logit for each query head, which joins its softmax as a token would that every row sees and whose value is nothing (gpt-oss; attention sinks, arXiv 2309.17453): unscaled,
/// in any window, behind the last split. Null for none.
/// </param>
public sealed record PagedAttentionOp(int Input, int Output, int Layer, float Scale, int Window = 0, float ScoreCap = 0, int? Sinks = null) : ProgramOp;

/// <summary>output (bf16) = input (bf16) · σ(gate (fp32)), in fp32, rounded once: attention whose output has a gate (Qwen3-Next, arXiv 2505.06708).</summary>
public sealed record SigmoidMulOp(int Input, int Gate, int Output) : ProgramOp;

/// <summary>
/// A causal convolution of every column by itself: output[t, c] (fp32) = activation(Σⱼ weight[j, c] · input[t − taps + 1 + j, <paramref name="FirstColumn"/> + c] + bias[c]) in fp32, j ascending from the oldest, unrounded.
/// Rows before the step's first of a sequence are its state's: [taps − 1, columns] in fp32, the oldest first, zeros before the first token. What the last taps − 1 rows were then is written as the new state.
/// </summary>
/// <param name="Input">Rows in fp32.</param>
/// <param name="FirstColumn">The first column that is convolved; as many as output has.</param>
/// <param name="Output">Where they go.</param>
/// <param name="Weight">A vector, fp32: [taps, columns], the oldest tap first.</param>
/// <param name="Bias">A vector, fp32: what is added to a column; null for nothing.</param>
/// <param name="Taps">Rows that an output reads, its own the last.</param>
/// <param name="Silu">Whether SiLU is the activation; none otherwise.</param>
/// <param name="StateOffset">Where its part of a sequence's state begins, in bytes; a multiple of 64.</param>
public sealed record ConvolutionOp(int Input, int FirstColumn, int Output, int Weight, int? Bias, int Taps, bool Silu, long StateOffset) : ProgramOp;

/// <summary>
/// The gated delta rule (arXiv 2412.06464), token by token in a sequence's order, with the norm and gate behind it. Of every value head with its state S [key size, value size] in fp32, zeros before the first token:
/// <code>
///   q, k, v   the heads' columns of input; q and k each divided by √(Σx² + 1e-6), q then by √(key size)
///   S ← S · exp(rate · ln(1 + e^(decay + bias)))          rate below 0
///   S ← S + k ⊗ (v − kᵀS) · σ(beta)
///   o = qᵀS;   output (bf16) = o · rsqrt(mean(o²) + epsilon) · norm · gate · σ(gate), rounded once
/// </code>
/// Sums over key size run in ascending order, fp32, so that a token's bits depend on the tokens before it alone. Value head h reads key head h ÷ (value heads ÷ key heads).
/// </summary>
/// <param name="Input">[q heads | k heads | v heads], fp32, convolved.</param>
/// <param name="Gate">A buffer, fp32, with the gate in columns from <paramref name="GateColumn"/> on, value head by value head.</param>
/// <param name="GateColumn">See above.</param>
/// <param name="Rates">[beta | decay], fp32, a column for each value head.</param>
/// <param name="Output">[value heads · value size].</param>
/// <param name="Rate">A vector, fp32: −e^A_log of each value head.</param>
/// <param name="DecayBias">A vector, fp32: what is added to decay.</param>
/// <param name="Norm">The norm's weight, fp32, [value size].</param>
/// <param name="Epsilon">Added to the mean.</param>
/// <param name="Heads">Numbers and sizes of heads.</param>
/// <param name="StateOffset">Where its part of a sequence's state begins, in bytes; a multiple of 64. [value heads, key size, value size].</param>
public sealed record DeltaRuleOp(
    int Input, int Gate, int GateColumn, int Rates, int Output, int Rate, int DecayBias, int Norm, float Epsilon, DeltaRuleHeads Heads, long StateOffset) : ProgramOp;

/// <summary>Heads of a <see cref="DeltaRuleOp"/>.</summary>
/// <param name="KeyHeads">Heads of q, and of k; divides <paramref name="ValueHeads"/>.</param>
/// <param name="ValueHeads">Heads of v.</param>
/// <param name="KeySize">Elements of a key; a multiple of 8.</param>
/// <param name="ValueSize">Elements of a value; a multiple of 16.</param>
public sealed record DeltaRuleHeads(int KeyHeads, int ValueHeads, int KeySize, int ValueSize);

/// <summary>output (bf16) = activation(gate) · up in fp32; input (bf16) is [gate | up].</summary>
/// <param name="Input">Gate and up, side by side.</param>
/// <param name="Output">Their product.</param>
/// <param name="Activation">What the gate goes through.</param>
/// <param name="Limit">The bound of <see cref="GateActivation.SwigluOai"/>, which alone has one; infinite for none.</param>
/// <param name="Factor">
/// A buffer of one column, fp32: the product is multiplied by its logistic function before it is rounded (Qwen2 MoE multiplies what a shared expert gives back: down of a product times a
/// number is that number times down of it). Null for none.
/// </param>
public sealed record GateMulOp(int Input, int Output, GateActivation Activation = GateActivation.Silu, float Limit = float.PositiveInfinity, int? Factor = null) : ProgramOp;

/// <summary>output (bf16) = activation(input) in fp32, rounded once; input bf16: an MLP without a gate. A vector of four weights has the numbers of <see cref="MlpActivation.XIelu"/>, the other kinds have none.</summary>
public sealed record ActivationOp(int Input, int Output, MlpActivation Activation, int? Numbers = null) : ProgramOp;

/// <summary>
/// Chooses the experts of every row by input, fp32 [rows, experts]: those with the largest logits, as many as <see cref="MixtureShape.ChoiceCount"/> says, the lowest expert
/// first where two are equal. A choice's weight is its share of the softmax over all experts, in fp32, or with <paramref name="Renormalize"/> over the chosen. What it finds
/// holds for the operations that follow, up to the next of its kind.
/// </summary>
public sealed record RouteOp(int Input, bool Renormalize) : ProgramOp;

/// <summary>output (a row per choice) = the input row (bf16) of the token whose choice it is.</summary>
public sealed record DispatchOp(int Input, int Output) : ProgramOp;

/// <summary>
/// output (fp32) += Σ weight · input (fp32, a row per choice) over the row's choices in the order of their logits, summed from zero and added unrounded. Or = that sum, without
/// <paramref name="Accumulate"/>: one rank's part of a sum over ranks, in a rank's program only.
/// </summary>
public sealed record CombineOp(int Input, int Output, bool Accumulate = true) : ProgramOp;

/// <summary>output[i] = input[row of output i], fp32: the rows that go on to logits.</summary>
public sealed record GatherOp(int Input, int Output) : ProgramOp;

/// <summary>
/// output (fp32) = (input (bf16) · weightᵀ + <paramref name="Bias"/>) · <paramref name="Scale"/>, from row <paramref name="FirstRow"/> of the weight on, as far as it or the output goes; with a
/// <paramref name="Cap"/> above 0 then cap · tanh(logit ÷ cap). The bias, null for none (Phi 2 has one), begins with the output's first column.
/// </summary>
public sealed record LogitsOp(int Input, int Output, int Weight, int FirstRow = 0, float Cap = 0, float Scale = 1, int? Bias = null) : ProgramOp;

/// <summary>Samples or scores every output row of input (fp32 logits) as its <c>SampleRow</c> says.</summary>
public sealed record SampleOp(int Input) : ProgramOp;

/// <summary>output (fp32) += the sum of input (fp32) over all ranks, the same bits on each; or = that sum, without <paramref name="Accumulate"/>. Of a rank's program only.</summary>
public sealed record AllReduceOp(int Input, int Output, bool Accumulate = true) : ProgramOp;

/// <summary>output (fp32) = the inputs (fp32) of all ranks side by side, rank 0's first, as far as output's columns go. Of a rank's program only.</summary>
public sealed record AllGatherOp(int Input, int Output) : ProgramOp;
