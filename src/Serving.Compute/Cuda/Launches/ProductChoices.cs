using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Which products of few rows the kernel of our own does, settled for every shape of weight before the first step: what was asked for, or what this device does faster.
/// </summary>
/// <param name="context">Where everything lies.</param>
/// <param name="kernels">The kernels.</param>
/// <param name="ways">What was asked for.</param>
/// <param name="stream">Where both are tried.</param>
/// <param name="readsIntegers">Whether the kernel reads matrices of integers as they are, without being tried: cuBLASLt reads four to eight times the bytes, which have to be written first.</param>
internal sealed class ProductChoices(LaunchContext context, KernelSet kernels, FewRowProducts ways, CudaStream stream, bool readsIntegers) : IDisposable
{
    /// <summary>Rows that are tried: a decode batch, where it counts most.</summary>
    private const int TrialRows = 32;

    private readonly Dictionary<(int Outputs, int Inputs, int Planes), ProductChoice> _choices = [];
    private readonly List<IDisposable> _scratch = [];
    private ProductTrials? _trials;

    /// <summary>What was measured, for each shape that there was a choice for.</summary>
    public IReadOnlyCollection<ProductChoice> Measured => _choices.Values;

    /// <summary>The kernel, where there may be something for it to do.</summary>
    public StepKernel? Kernel => ways == FewRowProducts.Library ? null : kernels.Product;

    /// <summary>The kernel for matrices of integers; null where these are decoded for cuBLASLt in steps of any size.</summary>
    public StepKernel? KernelOf(WeightFormat format) => readsIntegers ? kernels.ProductOf(format) : null;

    /// <summary>Whether the kernel does the products of a shape.</summary>
    /// <param name="product">One of them, with its output; planes and all.</param>
    /// <param name="library">What does it otherwise.</param>
    /// <param name="weights">The weights of this shape: all of them are multiplied with, so that they come from the device's memory as they do in a step.</param>
    /// <param name="maxRows">Rows that the output has room for.</param>
    public bool IsOwn(ProductParameters product, MatmulPlan library, IReadOnlyList<ulong> weights, int maxRows)
    {
        var shape = (product.Outputs, product.Inputs, product.Planes);
        if (ways != FewRowProducts.Measured || Kernel is null)
        {
            return Kernel is not null;
        }

        if (!_choices.TryGetValue(shape, out var choice))
        {
            _choices[shape] = choice = Try(product, library, weights, Math.Min(TrialRows, maxRows));
        }

        return choice.IsOwn;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _trials?.Dispose();
        _scratch.ForEach(scratch => scratch.Dispose());
    }

    private ProductChoice Try(ProductParameters product, MatmulPlan library, IReadOnlyList<ulong> weights, int rows)
    {
        _trials ??= new ProductTrials(stream);
        var count = Scratch(sizeof(int));
        count.CopyFrom<int>(0, [rows], stream);
        product = product with { Input = Scratch((long)rows * product.InputStride * sizeof(ushort)).Address, RowCount = count.Address };
        var before = WriterOf(product, rows);
        var launches = weights.Select(weight => OwnProduct.Launch(kernels.Product!, product with { Weight = weight }, Multiprocessors, ofOutputs: false)).ToList();
        var size = new StepSize { Rows = rows };
        var (ours, theirs) = _trials.Compare(
            () => launches.ForEach(launch =>
            {
                before.Queue(stream, in size);
                launch.Queue(stream, in size);
            }),
            () =>
            {
                foreach (var weight in weights)
                {
                    before.Queue(stream, in size);
                    library.Run(stream, weight, product.Input, product.Output, rows);
                }
            });
        var perSecond = 1000.0 * weights.Count;
        return new ProductChoice(product.Outputs, product.Inputs, rows, product.Planes, ours / perSecond, theirs / perSecond);
    }

    /// <summary>
    /// What writes a product's input, as in a step: the kernel of our own, which begins before that has ended where the device can, is to be tried with what that is worth. Its time is in
    /// both figures.
    /// </summary>
    private KernelLaunch<RmsNormParameters> WriterOf(ProductParameters product, int rows)
    {
        var residual = Scratch((long)rows * product.InputStride * sizeof(float));
        residual.Clear(stream);
        var weight = Scratch((long)product.InputStride * sizeof(ushort));
        weight.Clear(stream);
        return new KernelLaunch<RmsNormParameters>(kernels.RmsNorm.Norming(product.Inputs), new GridRule(GridUnit.Rows), new RmsNormParameters
        {
            Input = residual.Address,
            Weight = weight.Address,
            Output = product.Input,
            RowCount = product.RowCount,
            Columns = product.Inputs,
            InputStride = product.InputStride,
            OutputStride = product.InputStride,
            Epsilon = 1,
        });
    }

    private int Multiprocessors => context.Pages.Context.Device.Multiprocessors;

    private CudaDeviceBuffer Scratch(long bytes)
    {
        var buffer = CudaDeviceBuffer.Allocate(stream.Context, bytes);
        _scratch.Add(buffer);
        return buffer;
    }
}
