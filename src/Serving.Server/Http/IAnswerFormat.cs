using System.Text.Json.Serialization.Metadata;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>How a streamed answer looks: chats and completions differ.</summary>
/// <typeparam name="TChunk">What one event carries.</typeparam>
internal interface IStreamFormat<TChunk>
{
    /// <summary>How a chunk is written.</summary>
    JsonTypeInfo<TChunk> Type { get; }

    /// <summary>The chunks that tell what happened; the last event of a choice gives one with a finish reason.</summary>
    IEnumerable<TChunk> Chunks(IndexedEvent happened);

    /// <summary>The chunk with token counts and no choices.</summary>
    TChunk UsageChunk(UsageInfo usage);

    /// <summary>A chunk with token counts added.</summary>
    TChunk WithUsage(TChunk chunk, UsageInfo usage);
}

/// <summary>How a whole answer looks.</summary>
/// <typeparam name="TAnswer">The body.</typeparam>
internal interface IAnswerFormat<TAnswer>
{
    /// <summary>How the body is written.</summary>
    JsonTypeInfo<TAnswer> Type { get; }

    /// <summary>Takes in what happened.</summary>
    void Add(IndexedEvent happened);

    /// <summary>The body, once everything has happened.</summary>
    TAnswer Build(UsageInfo usage);
}
