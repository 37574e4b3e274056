using System.Text.Json.Serialization.Metadata;
using Serving.Engine.Requests;
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

/// <summary>How an answer looks that is streamed in events with names, the last of which says that it is the last.</summary>
/// <typeparam name="TEvent">What one event carries.</typeparam>
internal interface IEventFormat<TEvent>
    where TEvent : class
{
    /// <summary>How an event is written.</summary>
    JsonTypeInfo<TEvent> Type { get; }

    /// <summary>An event's name.</summary>
    string NameOf(TEvent happened);

    /// <summary>A failure of the engine's, with fields called as the request has them.</summary>
    RequestFailure Rename(RequestFailure failure);

    /// <summary>The events before anything is written.</summary>
    IEnumerable<TEvent> Begin(UsageInfo usage);

    /// <summary>The event that says nothing but that there is more to come; null where there is none.</summary>
    TEvent? StillThere { get; }

    /// <summary>The events that tell what happened.</summary>
    IReadOnlyList<TEvent> Take(GenerationEvent happened);

    /// <summary>The last event of an answer that failed.</summary>
    TEvent Fail(RequestFailure failure);

    /// <summary>The last events of one that did not.</summary>
    IEnumerable<TEvent> End(UsageInfo usage);
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
