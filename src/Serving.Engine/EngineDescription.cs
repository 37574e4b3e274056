namespace Serving.Engine;

/// <summary>What is served and on what, fixed at start.</summary>
public sealed record EngineDescription
{
    /// <summary>The base model's served name.</summary>
    public required string ModelName { get; init; }

    /// <summary>Where it was loaded from (shown to admins and on the console only).</summary>
    public required string ModelSource { get; init; }

    /// <summary>Unix seconds at which the model was loaded: "created" of the model list.</summary>
    public required long CreatedUnixSeconds { get; init; }

    /// <summary>"managed", "cpu" or "cuda".</summary>
    public required string Device { get; init; }

    /// <summary>The GPU's name; null on a CPU.</summary>
    public string? DeviceName { get; init; }

    /// <summary>Instruction set in use.</summary>
    public required string InstructionSet { get; init; }

    /// <summary>Threads that compute.</summary>
    public required int Threads { get; init; }

    /// <summary>Longest context, prompt and output together.</summary>
    public required int MaxModelLength { get; init; }

    /// <summary>Token ids are below this.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Elements of a hidden state, and so of an embedding.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Parameters of the base model.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>How the base model's matrices are kept: "bf16", "int8" or "int4"; "mxfp4 and int8", "mxfp4 and int4" or "int4 and int8" where those that the checkpoint has at four bits stay so.</summary>
    public required string Weights { get; init; }

    /// <summary>How the checkpoint keeps them: a quantization scheme in a few words; null where they are plain floats.</summary>
    public string? WeightScheme { get; init; }

    /// <summary>How keys and values are kept: "bf16" or "int8".</summary>
    public string KeyValues { get; init; } = "bf16";

    /// <summary>Pages in the pool.</summary>
    public required int PoolPages { get; init; }

    /// <summary>Bytes of one page.</summary>
    public required long PageBytes { get; init; }

    /// <summary>Pages that a version of a sequence's recurrent state takes, of which one that runs has two; 0 of models in which every layer attends.</summary>
    public int StatePages { get; init; }

    /// <summary>How many adapters can be resident at once.</summary>
    public required int AdapterSlots { get; init; }

    /// <summary>Sequences that run at once at most.</summary>
    public required int MaxSequences { get; init; }

    /// <summary>The format in which calls of functions are looked for in answers; null when they are not.</summary>
    public string? ToolCallParser { get; init; }

    /// <summary>The format in which thoughts are told from answers; null when they are not.</summary>
    public string? ReasoningParser { get; init; }

    /// <summary>Whether the model has a chat template.</summary>
    public required bool HasChatTemplate { get; init; }
}
