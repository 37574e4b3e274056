using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Products of experts, held to sums in double.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class ExpertKernelTests
{
    private const int Experts = 6;

    /// <summary>Rows, choices, experts that are chosen, outputs, inputs, blocks.</summary>
    public static TheoryData<int, int, int, int, int, int> Cases => new()
    {
        { 1, 1, 1, 1, 8, 1 }, { 3, 2, 6, 131, 72, 2 }, { 17, 2, 3, 200, 132, 3 }, { 20, 3, 5, 70, 1, 1 }, { 70, 1, 1, 36, 130, 2 }, { 130, 2, 2, 44, 70, 5 },
    };

    /// <summary>Rounded and kept, inputs by place and by row, tiles of both sizes; what lies behind the last column is left as it was.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Experts_AnySize_MatchFormula(int rows, int choices, int used, int outputs, int inputs, int blocks)
    {
        using var session = new KernelSession();
        foreach (var few in (bool[])[true, false])
        {
            var run = new ExpertRun(session, rows, choices, used, outputs, inputs, few) { ByRow = few };
            var y = run.Floats(blocks);
            run.EachOutput((place, output, expected) => Values.AssertClose(expected, y[(place * run.Stride) + output], 3e-5, $"place {place}, output {output}"));
            Assert.All(Enumerable.Range(0, y.Length).Where(i => i % run.Stride >= outputs), i => Assert.Equal(-1f, y[i]));

            // Rounded, it is the rounded float.
            var rounded = run.Halves(blocks);
            Assert.All(Enumerable.Range(0, y.Length).Where(i => i % run.Stride < outputs), i => Assert.Equal(BFloat16Bits.FromSingle(y[i]), rounded[i]));
            Assert.All(Enumerable.Range(0, y.Length).Where(i => i % run.Stride >= outputs), i => Assert.Equal(0, rounded[i]));
        }
    }

    /// <summary>Rows, choices, experts that are chosen, columns of gate and of up, inputs, activation.</summary>
    public static TheoryData<int, int, int, int, int, GateActivation> Gates => new()
    {
        { 1, 1, 1, 1, 8, GateActivation.Silu }, { 5, 2, 4, 66, 72, GateActivation.Silu }, { 40, 2, 2, 131, 20, GateActivation.GeluTanh }, { 5, 2, 4, 66, 72, GateActivation.SwigluOai },
    };

    /// <summary>With a gate behind it the product gives the bits of the two after each other.</summary>
    [Theory]
    [MemberData(nameof(Gates))]
    public void Experts_Gated_EqualTheTwo(int rows, int choices, int used, int columns, int inputs, GateActivation activation)
    {
        using var session = new KernelSession();
        foreach (var few in (bool[])[true, false])
        {
            var run = new ExpertRun(session, rows, choices, used, 2 * columns, inputs, few);
            var stride = Values.Stride(columns);
            var places = rows * choices;
            var parameters = new SiluMulParameters
            {
                Input = session.Upload<ushort>(run.Halves(2)),
                Output = session.Upload<ushort>(new ushort[places * stride]),
                RowCount = session.Upload(places),
                Columns = columns,
                InputStride = run.Stride,
                OutputStride = stride,
                Activation = (int)activation,
                Limit = ExpertRun.Limit,
            };
            session.Launch("srv_silu_mul", new CudaGrid(3), 256, 0, parameters);
            Assert.Equal(session.Download<ushort>(parameters.Output, places * stride), run.Gated(activation, 2));
        }
    }

    /// <summary>A row's bits depend neither on the rows beside it, nor on their number, nor on the size of tiles.</summary>
    [Fact]
    public void Experts_RowsInCompany_HaveTheBitsOfAlone()
    {
        using var session = new KernelSession();
        const int Rows = 90;
        var company = new ExpertRun(session, Rows, 2, 3, 40, 330, few: false) { ByRow = true };
        var crowd = company.Floats(2);
        Assert.Equal(crowd, company.With(few: true).Floats(3));
        foreach (var row in (int[])[0, 41, Rows - 1])
        {
            var alone = company.Alone(row);
            var y = alone.Floats(1);
            for (var i = 0; i < 2; i++)
            {
                var (one, among) = (alone.Chosen.Places[i] * company.Stride, company.Chosen.Places[(row * 2) + i] * company.Stride);
                Assert.Equal(crowd.AsSpan(among, 40).ToArray(), y.AsSpan(one, 40).ToArray());
            }
        }
    }

    /// <summary>Format, rows, choices, experts that are chosen, outputs, inputs, blocks: experts without rows and with odd numbers of them, tiles of all sizes, strips and blocks that end early.</summary>
    public static TheoryData<WeightFormat, int, int, int, int, int, int> IntegerCases => new()
    {
        { WeightFormat.Int8, 3, 2, 6, 131, 72, 2 }, { WeightFormat.Int8, 70, 1, 1, 36, 130, 2 }, { WeightFormat.Int4, 17, 2, 3, 200, 132, 3 }, { WeightFormat.Int4, 1, 1, 1, 1, 8, 1 },
        { WeightFormat.Int4, 90, 2, 2, 70, 580, 2 }, { WeightFormat.Int4Asymmetric, 20, 3, 5, 70, 33, 1 }, { WeightFormat.Iq4, 33, 1, 1, 44, 70, 1 }, { WeightFormat.Mxfp4, 17, 2, 3, 130, 132, 3 },
    };

    /// <summary>Of integers: the bits of the kernel for bf16 with what they stand for, biases included; what lies behind the last column is left as it was.</summary>
    [Theory]
    [MemberData(nameof(IntegerCases))]
    public void Experts_OfIntegers_HaveTheBitsOfTheDecodedMatrices(WeightFormat format, int rows, int choices, int used, int outputs, int inputs, int blocks)
    {
        using var session = new KernelSession();
        var matrices = new IntegerOperand(format, Experts * outputs, inputs, 8);
        foreach (var few in (bool[])[true, false])
        {
            var decoded = new ExpertRun(session, rows, choices, used, outputs, inputs, few, matrices.Decoded()) { ByRow = few };
            Assert.Equal(decoded.Floats(blocks), decoded.Of(matrices).Floats(blocks));
        }
    }

    /// <summary>So with a gate behind them, whose halves are whole strips.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8, 5, 64, GateActivation.Silu)]
    [InlineData(WeightFormat.Mxfp4, 20, 128, GateActivation.SwigluOai)]
    public void Experts_OfIntegersGated_HaveTheBitsOfTheDecodedMatrices(WeightFormat format, int rows, int columns, GateActivation activation)
    {
        using var session = new KernelSession();
        var matrices = new IntegerOperand(format, Experts * 2 * columns, 72, 8);
        foreach (var few in (bool[])[true, false])
        {
            var decoded = new ExpertRun(session, rows, 2, 3, 2 * columns, 72, few, matrices.Decoded());
            Assert.Equal(decoded.Gated(activation, 2), decoded.Of(matrices).Gated(activation, 3));
        }
    }

    /// <summary>One product of experts.</summary>
    private sealed class ExpertRun
    {
        /// <summary>Of a gate that has one.</summary>
        public const float Limit = 1.5f;

        private readonly KernelSession _session;
        private readonly ushort[] _input;
        private readonly ushort[] _weight;
        private readonly ushort[] _bias;
        private readonly int _outputs;
        private readonly int _inputs;
        private readonly bool _few;
        private IntegerOperand? _integers;

        public ExpertRun(KernelSession session, int rows, int choices, int used, int outputs, int inputs, bool few, ushort[]? weight = null)
            : this(session, ChosenExperts.Draw(rows, Experts, choices, used, PlacesOf(few)), Values.Random(rows, inputs, 1, 7).ToBFloat16(), weight ?? Values.Random(Experts * outputs, inputs, 1, 8).ToBFloat16(), outputs, inputs, few)
        {
        }

        private ExpertRun(KernelSession session, ChosenExperts chosen, ushort[] input, ushort[] weight, int outputs, int inputs, bool few) =>
            (_session, Chosen, _input, _weight, _bias, _outputs, _inputs, _few) =
                (session, chosen, input, weight, [.. Values.Random(1, Experts * outputs, 1, 9).ToBFloat16().Take(Experts * outputs)], outputs, inputs, few);

        public ChosenExperts Chosen { get; }

        /// <summary>Whether inputs are looked up.</summary>
        public bool ByRow { get; init; }

        public int Stride => Values.Stride(_outputs);

        public ExpertRun With(bool few) => new(_session, new ChosenExperts(Experts, Chosen.Choices, PlacesOf(few)), _input, _weight, _outputs, _inputs, few) { ByRow = ByRow };

        /// <summary>The same product with matrices of integers.</summary>
        public ExpertRun Of(IntegerOperand integers) => new(_session, Chosen, _input, _weight, _outputs, _inputs, _few) { ByRow = ByRow, _integers = integers };

        public ExpertRun Alone(int row) =>
            new(_session, new ChosenExperts(Experts, [Chosen.Choices[row]], PlacesOf(_few)), InputOf(row), _weight, _outputs, _inputs, _few) { ByRow = ByRow };

        public float[] Floats(int blocks) => Run(blocks, LinearOutput.Keep, ExpertsParameters.NoActivation, Filled(-1f));

        public ushort[] Halves(int blocks) => Run(blocks, LinearOutput.Round, ExpertsParameters.NoActivation, Filled<ushort>(0));

        public ushort[] Gated(GateActivation activation, int blocks) => Run(blocks, LinearOutput.Round, (int)activation, new ushort[Chosen.Rows.Length * Values.Stride(_outputs / 2)]);

        public void EachOutput(Action<int, int, double> check)
        {
            var wide = _weight.ToSingles();
            for (var place = 0; place < Chosen.Rows.Length; place++)
            {
                var x = InputOf(Chosen.Rows[place]).ToSingles();
                for (var output = 0; output < _outputs; output++)
                {
                    var first = ((Chosen.ExpertOfPlace[place] * _outputs) + output) * Values.Stride(_inputs);
                    var bias = BFloat16Bits.ToSingle(_bias[(Chosen.ExpertOfPlace[place] * _outputs) + output]);
                    check(place, output, bias + Enumerable.Range(0, _inputs).Sum(k => (double)x[k] * wide[first + k]));
                }
            }
        }

        private static int PlacesOf(bool few) => few ? ExpertTile.FewPlaces : ExpertTile.MaxPlaces;

        private ushort[] InputOf(int row) => _input.AsSpan(row * Values.Stride(_inputs), Values.Stride(_inputs)).ToArray();

        private T[] Filled<T>(T value)
        {
            var values = new T[Chosen.Rows.Length * Stride];
            values.AsSpan().Fill(value);
            return values;
        }

        private T[] Run<T>(int blocks, LinearOutput mode, int activation, T[] before)
            where T : unmanaged
        {
            var parameters = new ExpertsParameters
            {
                Mixture = Chosen.Upload(_session),
                Weight = _integers is null ? _session.Upload<ushort>(_weight) : _session.Upload<byte>(_integers.Strips(Experts)),
                Bias = _session.Upload<ushort>(_bias),
                Input = _session.Upload<ushort>(ByRow ? _input : [.. Chosen.Rows.SelectMany(InputOf)]),
                Output = _session.Upload<T>(before),
                Outputs = _outputs,
                Inputs = _inputs,
                WeightStride = _integers is null ? Values.Stride(_inputs) : 0,
                InputStride = Values.Stride(_inputs),
                OutputStride = before.Length / Chosen.Rows.Length,
                ByRow = ByRow ? 1 : 0,
                Mode = (int)mode,
                Activation = activation,
                Limit = Limit,
            };
            var ending = _integers is null ? string.Empty : "_" + KernelSet.WordOf(_integers.Format);
            var shared = _integers is not null ? KernelSet.IntegerProductSharedBytes : _few ? KernelSet.ExpertsFewSharedBytes : KernelSet.ExpertsSharedBytes;
            _session.Launch((_few ? "srv_experts_few" : "srv_experts") + ending, new CudaGrid(blocks), 256, shared, parameters);
            return _session.Download<T>(parameters.Output, before.Length);
        }
    }
}
