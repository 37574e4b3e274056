using Serving.Compute.Backends;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Contracts;

/// <summary>A backend that the contract is held against.</summary>
/// <param name="Name">Its name in test output.</param>
/// <param name="Rounds">It rounds to bf16 where the design's table says so; false for fp32 throughout.</param>
/// <param name="Create">Makes one for a program.</param>
public sealed record BackendFactory(string Name, bool Rounds, Func<ModelProgram, IComputeBackend> Create);
