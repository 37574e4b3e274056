using Serving.Engine.Execution.Constraints;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;

namespace Serving.Engine.Execution;

/// <summary>What a running engine is made of; put together by <c>ServingEngine</c>, used by <c>EngineClient</c>.</summary>
internal sealed record EngineParts(
    EngineOptions Options,
    EngineDescription Description,
    EngineClock Clock,
    EngineLoop Loop,
    RequestValidator Validator,
    AdmissionGate Admission,
    AdapterDirectory Adapters,
    PromptEncoder Encoder,
    ReasoningAnswers Reasoning,
    ConstraintCompiler Constraints,
    RequestFactory Requests,
    PromptSchemas Schemas,
    SnapshotPublisher Snapshots,
    EngineStatistics Statistics);
