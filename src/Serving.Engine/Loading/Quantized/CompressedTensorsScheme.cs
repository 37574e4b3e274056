using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// <c>quant_method: compressed-tensors</c>, as llm-compressor writes it: FP8 or integers of eight bits with their <c>weight_scale</c>, or integers of four or eight bits packed into
/// 32-bit words (<c>weight_packed</c>), an offset of half their range added. Which of its groups a module belongs to is told by its tensors' types and shapes.
/// </summary>
internal sealed class CompressedTensorsScheme : WeightScheme
{
    private const int MaxGroups = 64;

    private readonly IReadOnlyList<CompressedGroup> _groups;

    private CompressedTensorsScheme(IReadOnlyList<CompressedGroup> groups) => _groups = groups;

    /// <inheritdoc/>
    public override string Description => "compressed-tensors, " + string.Join("; ", _groups.Select(group => group.Description).Distinct());

    /// <inheritdoc/>
    public override int Bits => _groups.Max(group => group.Bits);

    /// <summary>Reads the config.</summary>
    public static WeightScheme Read(JsonFields config)
    {
        CompressedGroup.CheckFormat(config);
        if (config.Object("sparsity_config")?.Text("format", "dense") is { } sparsity && sparsity != "dense")
        {
            throw new MalformedFileException($"quantization_config.sparsity_config.format {MalformedFileException.Quote(sparsity)} is not supported");
        }

        if (config.Object("transform_config") is { } transforms && transforms.Object("config_groups") is { } kinds && kinds.Element.EnumerateObject().Any())
        {
            throw new MalformedFileException("quantization_config.transform_config is not supported");
        }

        var entries = config.Object("config_groups") ?? throw config.Wrong("config_groups", "an object");
        var groups = new List<CompressedGroup>();
        foreach (var entry in entries.Element.EnumerateObject().Take(MaxGroups + 1))
        {
            if (entries.Object(entry.Name) is { } group && CompressedGroup.Read(group) is { } weights)
            {
                groups.Add(weights);
            }
        }

        return groups.Count is > 0 and <= MaxGroups ? new CompressedTensorsScheme(groups) : throw config.Wrong("config_groups", $"1 to {MaxGroups} groups with weights");
    }

    /// <inheritdoc/>
    internal override RowSource? Open(ModuleTensors module, int rows, int columns)
    {
        if (module.Find("weight_packed") is { } packed)
        {
            return OpenPacked(module, packed.Of(TensorType.I32), rows, columns);
        }

        if (module.Find("weight") is not { Type: TensorType.F8_E4M3 or TensorType.I8 } weight)
        {
            return null;
        }

        var isFloat = weight.Type == TensorType.F8_E4M3;
        var candidates = _groups.Where(group => group.IsFloat == isFloat).ToList();
        return Open(module, weight.Shaped(rows, columns), isFloat ? ElementCodes.Float8E4M3 : ElementCodes.Signed8, candidates, rows, columns);
    }

    /// <inheritdoc/>
    internal override bool IsUnread(string tensor) => ActivationScales.Contains(tensor);

    private GridRows OpenPacked(ModuleTensors module, StoredTensor packed, int rows, int columns)
    {
        var shape = module.Get("weight_shape");
        if (!IsShape(shape, rows, columns))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(shape.Name)} does not say [{rows}, {columns}]");
        }

        var candidates = _groups.Where(group => !group.IsFloat && packed.Entry.Shape is [var outputs, var words] && outputs == rows && words == WordsOf(columns, group.Bits)).ToList();
        return candidates.Count == 0
            ? throw new MalformedFileException($"tensor {MalformedFileException.Quote(packed.Name)} has shape [{string.Join(", ", packed.Entry.Shape)}], which no group of the config has for a matrix of [{rows}, {columns}]")
            : Open(module, packed, candidates[0].Bits == 4 ? ElementCodes.Offset4 : ElementCodes.Offset8, candidates, rows, columns);
    }

    /// <summary>A module's rows by the first group whose scales have the shape of the module's.</summary>
    private static GridRows Open(ModuleTensors module, StoredTensor codes, ElementCodes values, List<CompressedGroup> candidates, int rows, int columns)
    {
        if (candidates.Count == 0)
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(codes.Name)} is {codes.Type}, which no group of the config has");
        }

        var scale = module.Get("weight_scale").Of(TensorType.F32, TensorType.BF16, TensorType.F16);
        var group = candidates.FirstOrDefault(candidate => HasShape(candidate, scale, rows, columns)) ?? candidates[0];
        var grid = group.Grid(rows, columns);
        return new GridRows(module.Name, columns, codes, values, grid, new StoredValues(grid.Check(scale), grid))
        {
            RowBytes = codes.Type == TensorType.I32 ? WordsOf(columns, group.Bits) * sizeof(int) : columns,
            ZeroPoints = ZeroPointsOf(module, group, grid, codes.Type == TensorType.I32 ? values : null),
            GroupOfColumn = group.Strategy == "group" && module.Find("weight_g_idx") is { } order ? GroupOrder.Read(order, columns, grid.Columns) : null,
        };
    }

    private static bool HasShape(CompressedGroup group, StoredTensor scale, int rows, int columns)
    {
        try
        {
            group.Grid(rows, columns).Check(scale);
            return true;
        }
        catch (MalformedFileException)
        {
            return false;
        }
    }

    private static GridValues? ZeroPointsOf(ModuleTensors module, CompressedGroup group, ScaleGrid grid, ElementCodes? packed)
    {
        var tensor = group.IsSymmetric ? module.Find("weight_zero_point") : module.Get("weight_zero_point");
        if (tensor is not { } zeros)
        {
            return null;
        }

        return zeros.Type == TensorType.I32 && packed is not null
            ? new PackedZeroPoints(zeros.Shaped(WordsOf(grid.Rows, packed.Bits), grid.Columns), grid, packed)
            : new StoredValues(grid.Check(zeros.Of(TensorType.I8, TensorType.F8_E4M3, TensorType.F32, TensorType.BF16, TensorType.F16)), grid);
    }

    private static bool IsShape(StoredTensor tensor, int rows, int columns)
    {
        if (tensor.Entry.Shape is not [2] || tensor.Type is not (TensorType.I64 or TensorType.I32))
        {
            return false;
        }

        // Little-endian: an I64 is its lower half, then its upper one.
        var words = tensor.Type == TensorType.I32 ? 1 : 2;
        var numbers = tensor.ReadRawIntegers(2 * words);
        return numbers[0] == rows && numbers[words] == columns && (words == 1 || (numbers[1] == 0 && numbers[3] == 0));
    }

    private static int WordsOf(int codes, int bits) => (codes + (32 / bits) - 1) / (32 / bits);
}
