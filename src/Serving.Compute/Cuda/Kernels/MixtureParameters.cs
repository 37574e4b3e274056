using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>srv_expert_tile: neighbouring places that go through one expert.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ExpertTile
{
    /// <summary>SRV_EXPERT_FEW_ROWS: places of a tile at most, in steps of few rows.</summary>
    public const int FewPlaces = 32;

    /// <summary>SRV_EXPERT_ROWS: places of a tile at most.</summary>
    public const int MaxPlaces = 64;

    public int Expert;
    public int FirstPlace;
    public int PlaceCount;
    public int Reserved;
}

/// <summary>srv_mixture: what the kernels of a mixture of experts share.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MixtureParameters
{
    /// <summary>SRV_MAX_EXPERTS.</summary>
    public const int MaxExperts = 512;

    /// <summary>SRV_MAX_CHOICES.</summary>
    public const int MaxChoices = 16;

    /// <summary>SRV_ROUTE_ROWS: rows that a block of routing and of sorting takes.</summary>
    public const int RouteRows = 32;

    public ulong Experts;
    public ulong Weights;
    public ulong Places;
    public ulong Rows;
    public ulong Marks;
    public ulong Tiles;
    public ulong TileCount;
    public ulong RowCount;
    public int ExpertCount;
    public int ChoiceCount;
}

/// <summary>srv_route_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RouteParameters
{
    public MixtureParameters Mixture;
    public ulong Logits;
    public int Stride;
    public int Renormalize;
}

/// <summary>srv_sort_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SortParameters
{
    public MixtureParameters Mixture;
    public int TilePlaces;
    public int Reserved;
}

/// <summary>srv_dispatch_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DispatchParameters
{
    public MixtureParameters Mixture;
    public ulong Input;
    public ulong Output;
    public int Columns;
    public int InputStride;
    public int OutputStride;
    public int Reserved;
}

/// <summary>srv_experts_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ExpertsParameters
{
    /// <summary>The value of <see cref="Activation"/> for none.</summary>
    public const int NoActivation = -1;

    public MixtureParameters Mixture;
    public ulong Weight;
    public ulong Bias;
    public ulong Input;
    public ulong Output;
    public int Outputs;
    public int Inputs;
    public int WeightStride;
    public int InputStride;
    public int OutputStride;
    public int ByRow;
    public int Mode;
    public int Activation;
    public float Limit;
    public int Reserved;
}

/// <summary>srv_combine_params.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CombineParameters
{
    public MixtureParameters Mixture;
    public ulong Input;
    public ulong Output;
    public int Columns;
    public int InputStride;
    public int OutputStride;
    public int Accumulate;
}
