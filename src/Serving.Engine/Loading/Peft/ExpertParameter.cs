using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>
/// The matrices of all experts of a layer where they are one parameter (transformers 5; PEFT's <c>target_parameters</c>): gate and up, or down.
/// </summary>
/// <param name="Slices">Its slices, whose outputs lie side by side from 0 on.</param>
/// <param name="Module">The module that has it, as <c>mlp.experts</c>.</param>
/// <param name="Name">Its name there, as <c>gate_up_proj</c>.</param>
internal sealed record ExpertParameter(IReadOnlyList<LoraSlice> Slices, string Module, string Name)
{
    /// <summary>Layer number.</summary>
    public int Layer => Slices[0].Layer;

    /// <summary>Experts of the layer.</summary>
    public int Experts => Slices[0].Experts;

    /// <summary>Inputs of an expert.</summary>
    public int Inputs => Slices[0].InputWidth;

    /// <summary>Outputs of an expert, all slices together.</summary>
    public int Outputs => Slices.Sum(slice => slice.OutputWidth);
}

/// <summary>
/// PEFT's LoRA of such a parameter: lora_A is [expert · rank + r, a], lora_B [b, r · experts + expert], and an expert's delta the sum over r. Since PEFT 0.19 a is the inputs and b the
/// outputs. Before, the parameter's dimensions were taken as they come, which for [expert, output, input] makes a the outputs and b the inputs.
/// </summary>
/// <param name="Parameter">What it changes.</param>
/// <param name="Module">The parameter's name in the base model.</param>
/// <param name="Rank">Its rank, by the config.</param>
/// <param name="A">lora_A.</param>
/// <param name="B">lora_B.</param>
/// <param name="IsSwapped">Whether a is the outputs.</param>
internal sealed record ExpertPair(ExpertParameter Parameter, string Module, int Rank, TensorEntry A, TensorEntry B, bool IsSwapped)
{
    /// <summary>Elements of the matrices as a Linear has them.</summary>
    public long Length => (long)Parameter.Experts * Rank * (Parameter.Inputs + Parameter.Outputs);

    /// <summary>Cuts the matrices into those of each expert and slice; of a slice's experts in order. Slices of one parameter share their A.</summary>
    /// <param name="scale">Factor of the product.</param>
    /// <param name="values">Where the matrices go; <see cref="Length"/> elements.</param>
    /// <param name="read">Reads elements of a tensor, from one on, as bf16.</param>
    public IEnumerable<AdapterSlice> Cut(float scale, Memory<ushort> values, ReadElements read)
    {
        var (experts, inputs, outputs) = (Parameter.Experts, Parameter.Inputs, Parameter.Outputs);
        var a = values[..(experts * Rank * inputs)];
        var b = values[a.Length..];

        // By expert: A [rank, inputs], B [outputs, rank].
        if (!IsSwapped)
        {
            read(A, 0, a.Span);
            ReadByColumns(B, b.Span, outputs, (output, r) => (output * Rank) + r, read);
        }
        else
        {
            ReadByRows(A, b.Span, outputs, read);
            ReadByColumns(B, a.Span, inputs, (input, r) => (r * inputs) + input, read);
        }

        return
            from slice in Parameter.Slices
            from expert in Enumerable.Range(0, experts)
            select new AdapterSlice(
                slice.Index,
                Rank,
                scale,
                a.Slice(expert * Rank * inputs, Rank * inputs),
                b.Slice(((expert * outputs) + slice.OutputOffset) * Rank, slice.OutputWidth * Rank))
            { Expert = expert };
    }

    /// <summary>[expert · rank + r, width] into [width, rank] of each expert.</summary>
    private void ReadByRows(TensorEntry tensor, Span<ushort> to, int width, ReadElements read)
    {
        var row = new ushort[width];
        for (var i = 0; i < Parameter.Experts * Rank; i++)
        {
            read(tensor, i * width, row);
            var (expert, r) = (i / Rank, i % Rank);
            for (var at = 0; at < width; at++)
            {
                to[(((expert * width) + at) * Rank) + r] = row[at];
            }
        }
    }

    /// <summary>[width, r · experts + expert] into a matrix of each expert, in which <paramref name="placeOf"/> says where an element is.</summary>
    private void ReadByColumns(TensorEntry tensor, Span<ushort> to, int width, Func<int, int, int> placeOf, ReadElements read)
    {
        var row = new ushort[Parameter.Experts * Rank];
        for (var at = 0; at < width; at++)
        {
            read(tensor, at * row.Length, row);
            for (var r = 0; r < Rank; r++)
            {
                var place = placeOf(at, r);
                for (var expert = 0; expert < Parameter.Experts; expert++)
                {
                    to[(expert * width * Rank) + place] = row[(r * Parameter.Experts) + expert];
                }
            }
        }
    }
}

/// <summary>Reads elements of a tensor, from <paramref name="first"/> on, as bf16.</summary>
/// <exception cref="MalformedFileException">One is not finite.</exception>
internal delegate void ReadElements(TensorEntry tensor, int first, Span<ushort> values);
