using Serving.Core.Adapters;
using Serving.Core.Modules;

namespace Serving.Simulation.Worlds;

/// <summary>A module that is pinned.</summary>
/// <param name="Module">The module.</param>
/// <param name="Adapter">The adapter that it is pinned under; null for the base model.</param>
internal sealed record Pin(ModuleRef Module, AdapterRef? Adapter);
