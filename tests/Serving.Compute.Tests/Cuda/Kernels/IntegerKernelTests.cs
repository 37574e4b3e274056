using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>Kernels that read matrices of integers: what they decode is scale × integer, with an offset where there is one, rounded once, and what they multiply has the bits of the kernel for bf16 with that.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class IntegerKernelTests
{
    private const int MaxRows = 64;

    /// <summary>Outputs, inputs, blocks.</summary>
    public static TheoryData<WeightFormat, int, int, int> Matrices => new()
    {
        { WeightFormat.Int8, 64, 64, 1 }, { WeightFormat.Int8, 130, 100, 2 }, { WeightFormat.Int8, 1, 7, 3 }, { WeightFormat.Int4, 64, 64, 1 }, { WeightFormat.Int4, 77, 132, 2 }, { WeightFormat.Int4, 3, 33, 5 },
        { WeightFormat.Int4Asymmetric, 64, 64, 1 }, { WeightFormat.Int4Asymmetric, 77, 132, 2 }, { WeightFormat.Iq4, 64, 64, 1 }, { WeightFormat.Iq4, 77, 132, 2 }, { WeightFormat.Mxfp4, 77, 132, 2 },
    };

    /// <summary>Rows, outputs, inputs, planes, blocks: the cases of the kernel for bf16, shared out to the formats.</summary>
    public static TheoryData<WeightFormat, int, int, int, int, int> Products => new()
    {
        { WeightFormat.Int8, 1, 1, 8, 1, 1 }, { WeightFormat.Int8, 3, 130, 72, 1, 2 }, { WeightFormat.Int8, 17, 100, 200, 2, 3 }, { WeightFormat.Int8, 33, 300, 330, 3, 2 }, { WeightFormat.Int8, 64, 70, 130, 4, 1 },
        { WeightFormat.Int8, 16, 128, 1100, 1, 1 }, { WeightFormat.Int4, 1, 70, 8, 1, 1 }, { WeightFormat.Int4, 16, 128, 1100, 1, 1 }, { WeightFormat.Int4, 20, 257, 640, 4, 7 }, { WeightFormat.Int4, 40, 128, 33, 2, 5 },
        { WeightFormat.Int4Asymmetric, 16, 70, 130, 1, 2 }, { WeightFormat.Int4Asymmetric, 20, 257, 640, 4, 7 }, { WeightFormat.Int4Asymmetric, 40, 128, 33, 2, 5 }, { WeightFormat.Iq4, 3, 130, 72, 1, 2 }, { WeightFormat.Iq4, 40, 128, 200, 2, 3 },
        { WeightFormat.Mxfp4, 3, 130, 72, 1, 2 }, { WeightFormat.Mxfp4, 20, 100, 200, 2, 3 },
    };

    /// <summary>Every element, up to the stride; nothing behind the last row.</summary>
    [Theory]
    [MemberData(nameof(Matrices))]
    public void Dequantize_AnySize_IsTheRoundedProduct(WeightFormat format, int outputs, int inputs, int blocks)
    {
        using var session = new KernelSession();
        var (matrix, stride) = (new IntegerOperand(format, outputs, inputs, 5), Values.Stride(inputs));
        var parameters = new DequantizeParameters
        {
            Weight = session.Upload<byte>(matrix.Strips()),
            Output = session.Allocate<ushort>(outputs * stride),
            Outputs = outputs,
            Inputs = inputs,
            OutputStride = stride,
        };
        session.Launch("srv_dequantize_" + KernelSet.WordOf(format), new CudaGrid(blocks), 128, KernelSet.DequantizeSharedBytes, parameters);
        var decoded = session.Download<ushort>(parameters.Output, outputs * stride);
        for (var i = 0; i < decoded.Length; i++)
        {
            if (i % stride < inputs)
            {
                Assert.True(matrix.At(i / stride, i % stride) == decoded[i], $"row {i / stride}, column {i % stride}: {decoded[i]:x4}");
            }
            else
            {
                // Nobody reads it; a group's offset stands behind the row's end, too.
                Assert.True(BlockQuantizer.HasOffsets(format) || format == WeightFormat.Iq4 ? float.IsFinite(BFloat16Bits.ToSingle(decoded[i])) : BFloat16Bits.ToSingle(decoded[i]) == 0);
            }
        }
    }

    /// <summary>What a strip is read back as, for DoRA's factors, is what the kernels decode.</summary>
    [Theory]
    [MemberData(nameof(Matrices))]
    public void Read_Strips_IsWhatKernelsDecode(WeightFormat format, int outputs, int inputs, int blocks)
    {
        var matrix = new IntegerOperand(format, outputs, inputs, 5 + blocks);
        var (strips, row) = (matrix.Strips(), new float[inputs]);
        for (var output = 0; output < outputs; output++)
        {
            IntegerStrips.Read(format, strips.AsSpan(output / IntegerStrips.Rows * IntegerStrips.StripBytes(format, inputs)), output % IntegerStrips.Rows, row);
            Assert.Equal(Enumerable.Range(0, inputs).Select(column => BFloat16Bits.ToSingle(matrix.At(output, column))), row);
        }
    }

    /// <summary>Tokens of the step and of the step before, as the kernel for bf16 looks them up.</summary>
    [Theory]
    [InlineData(9, 100, 3)]
    [InlineData(2, 7, 1)]
    [InlineData(5, 129, 5)]
    public void Embed_AnySize_IsTheTablesRow(int rows, int columns, int blocks)
    {
        using var session = new KernelSession();
        var table = new IntegerOperand(WeightFormat.Int8, 70, columns, 3);
        int[] sampled = [5, 69, 11];
        int[] tokens = [.. Enumerable.Range(0, rows).Select(row => row % 4 == 1 ? ~(row % 3) : row * 17 % 70)];
        var parameters = new EmbedParameters
        {
            Weight = session.Upload<byte>(table.Strips()),
            TokenIds = session.Upload<int>(tokens),
            Sampled = session.Upload<int>(sampled),
            Pending = session.Allocate<int>(rows),
            Output = session.Allocate<float>(rows * Values.Stride(columns)),
            RowCount = session.Upload(rows),
            Columns = columns,
            OutputStride = Values.Stride(columns),
            Scale = 1.5f,
        };
        session.Launch("srv_embed_int8", new CudaGrid(blocks), 128, 0, parameters);
        Assert.Equal(tokens.Select(token => token < 0 ? sampled[~token] : -1), session.Download<int>(parameters.Pending, rows));
        var y = session.Download<float>(parameters.Output, rows * Values.Stride(columns));
        for (var row = 0; row < rows; row++)
        {
            var token = tokens[row] < 0 ? sampled[~tokens[row]] : tokens[row];
            Assert.Equal(Enumerable.Range(0, columns).Select(column => BFloat16Bits.ToSingle(table.At(token, column)) * 1.5), y.Row(row, columns));
        }
    }

    /// <summary>Bit for bit, planes and all; rows behind the last and what lies between rows and planes are left as they were.</summary>
    [Theory]
    [MemberData(nameof(Products))]
    public void Product_AnySize_HasTheBitsOfTheDecodedMatrix(WeightFormat format, int rows, int outputs, int inputs, int planes, int blocks)
    {
        using var session = new KernelSession();
        var matrix = new IntegerOperand(format, outputs, inputs, 8);
        var x = session.Upload<ushort>(Values.Random(rows, inputs, 1, 7).ToBFloat16());
        var expected = ProductKernelTests.ParametersOf(session, x, matrix.Decoded(), rows, outputs, inputs, planes);
        session.Launch("srv_product", new CudaGrid(blocks), 256, KernelSet.ProductSharedBytes, expected);
        var actual = Integers(session, expected, matrix);
        session.Launch(NameOf(format), new CudaGrid(blocks), 256, KernelSet.IntegerProductSharedBytes, actual);
        var floats = planes * ProductKernelTests.PlaneFloats(outputs);
        Assert.Equal(session.Download<float>(expected.Output, floats), session.Download<float>(actual.Output, floats));
    }

    /// <summary>A row's bits depend neither on the rows beside it nor on how the work is dealt out.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8, 1)]
    [InlineData(WeightFormat.Int8, 20)]
    [InlineData(WeightFormat.Int4, 9)]
    [InlineData(WeightFormat.Int4Asymmetric, 9)]
    public void Product_RowsInCompany_HaveTheBitsOfFew(WeightFormat format, int rows)
    {
        using var session = new KernelSession();
        const int Outputs = 130;
        const int Inputs = 520;
        var matrix = new IntegerOperand(format, Outputs, Inputs, 8);
        var x = Values.Random(MaxRows, Inputs, 1, 7).ToBFloat16();
        var company = Run(MaxRows, 3);
        var few = Run(rows, 1);
        for (var plane = 0; plane < 2; plane++)
        {
            var (first, count) = (plane * ProductKernelTests.PlaneFloats(Outputs), rows * Values.Stride(Outputs));
            Assert.Equal(company.AsSpan(first, count).ToArray(), few.AsSpan(first, count).ToArray());
        }

        float[] Run(int count, int blocks)
        {
            var input = session.Upload<ushort>(x.AsSpan(0, count * Values.Stride(Inputs)));
            var parameters = Integers(session, ProductKernelTests.ParametersOf(session, input, [0], count, Outputs, Inputs, 2), matrix);
            session.Launch(NameOf(format), new CudaGrid(blocks), 256, KernelSet.IntegerProductSharedBytes, parameters);
            return session.Download<float>(parameters.Output, 2 * ProductKernelTests.PlaneFloats(Outputs));
        }
    }

    /// <summary>Launched right behind the kernel that writes its input, before that has ended where the device can: what it brings early is the weight alone.</summary>
    [Theory]
    [InlineData(WeightFormat.Int8, 5, 1)]
    [InlineData(WeightFormat.Int4, 64, 3)]
    public void Product_BehindTheKernelThatWritesItsInput_HasItsBits(WeightFormat format, int rows, int blocks)
    {
        using var session = new KernelSession();
        const int Outputs = 200;
        const int Inputs = 332;
        var matrix = new IntegerOperand(format, Outputs, Inputs, 8);
        var norm = new RmsNormParameters
        {
            Input = session.Upload<float>(Values.Random(rows, Inputs, 1, 9)),
            Weight = session.Upload<ushort>(Values.Random(1, Inputs, 1, 10).ToBFloat16()),
            Output = session.Allocate<ushort>(rows * Values.Stride(Inputs)),
            RowCount = session.Upload(rows),
            Columns = Inputs,
            InputStride = Values.Stride(Inputs),
            OutputStride = Values.Stride(Inputs),
            Epsilon = 1e-5f,
        };
        session.Launch("srv_rms_norm", new CudaGrid(rows), 256, 64, norm);
        var alone = Integers(session, ProductKernelTests.ParametersOf(session, norm.Output, [0], rows, Outputs, Inputs, 2), matrix);
        session.Launch(NameOf(format), new CudaGrid(blocks), 256, KernelSet.IntegerProductSharedBytes, alone);
        session.Write<ushort>(norm.Output, new ushort[rows * Values.Stride(Inputs)]);
        var behind = Integers(session, alone, matrix);
        session.Queue("srv_rms_norm", new CudaGrid(rows), 256, 64, norm);
        session.Launch(NameOf(format), new CudaGrid(blocks), 256, KernelSet.IntegerProductSharedBytes, behind);
        var floats = 2 * ProductKernelTests.PlaneFloats(Outputs);
        Assert.Equal(session.Download<float>(alone.Output, floats), session.Download<float>(behind.Output, floats));
    }

    private static string NameOf(WeightFormat format) => "srv_product_" + KernelSet.WordOf(format);

    /// <summary>The same product with integers, into an output of its own.</summary>
    private static ProductParameters Integers(KernelSession session, ProductParameters product, IntegerOperand matrix)
    {
        var untouched = new float[product.Planes * ProductKernelTests.PlaneFloats(product.Outputs)];
        untouched.AsSpan().Fill(-1);
        return product with { Weight = session.Upload<byte>(matrix.Strips()), WeightStride = 0, Output = session.Upload<float>(untouched) };
    }
}
