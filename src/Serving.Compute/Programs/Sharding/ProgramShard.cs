namespace Serving.Compute.Programs.Sharding;

/// <summary>What one rank of several computes of a program.</summary>
/// <param name="Program">Its list. Weights, slices and layers have the numbers that they have in the whole program.</param>
/// <param name="Weights">By weight: what the rank keeps of the whole one.</param>
/// <param name="Slices">By slice: what the rank keeps of an adapter's matrices; nothing of experts and of what chooses them, whose adapters no rank runs.</param>
public sealed record ProgramShard(ModelProgram Program, IReadOnlyList<WeightShard> Weights, IReadOnlyList<SliceShard> Slices);

/// <summary>The part of an adapter's slice that a rank keeps.</summary>
/// <param name="Inputs">Columns of A.</param>
/// <param name="Outputs">Rows of B.</param>
public readonly record struct SliceShard(ShardRange Inputs, ShardRange Outputs);
