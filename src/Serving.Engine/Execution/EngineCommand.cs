using Serving.Compute.Backends;
using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Tenancy;

namespace Serving.Engine.Execution;

/// <summary>What other threads ask of the engine thread; taken between steps.</summary>
public abstract record EngineCommand;

/// <summary>Queue a request; the answer is null when the scheduler took it.</summary>
public sealed record SubmitCommand(ActiveRequest Active, TaskCompletionSource<RequestError?> Answer) : EngineCommand;

/// <summary>End a request whose client has gone.</summary>
public sealed record CancelCommand(RequestId Id) : EngineCommand;

/// <summary>An adapter's cells are in its pages.</summary>
public sealed record AdapterReadyCommand(Digest Digest) : EngineCommand;

/// <summary>An adapter could not be loaded.</summary>
public sealed record AdapterFailedCommand(Digest Digest, RequestError Error) : EngineCommand;

/// <summary>An adapter was unloaded or replaced: drop it once it is idle.</summary>
public sealed record RetireAdapterCommand(Digest Digest) : EngineCommand;

/// <summary>A module's pages are copied, or could not be.</summary>
public sealed record ModuleTransferredCommand(long Number, bool Failed) : EngineCommand;

/// <summary>It is known what a constrained sequence may sample next: the loop is to schedule again, and that is all.</summary>
public sealed record MaskReadyCommand : EngineCommand;

/// <summary>Keep modules in the pool, those of a schema in its order; the answer is how many of them fit.</summary>
public sealed record PinModulesCommand(IReadOnlyList<ModuleRef> Modules, Tenant Tenant, AdapterRef? Adapter, TaskCompletionSource<int> Answer) : EngineCommand;

/// <summary>Let go of pinned modules.</summary>
public sealed record UnpinModulesCommand(IReadOnlyList<ModuleRef> Modules, AdapterRef? Adapter) : EngineCommand;

/// <summary>The device failed under another thread's hands: the engine ends as if a step had failed.</summary>
public sealed record DeviceFailedCommand(ComputeException Reason) : EngineCommand;

/// <summary>Take no more requests.</summary>
public sealed record DrainCommand : EngineCommand;

/// <summary>Leave the loop after the step under way; every open request ends.</summary>
public sealed record StopCommand : EngineCommand;
