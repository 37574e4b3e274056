using System.Diagnostics.CodeAnalysis;
using Serving.Core.Requests;
using Serving.Engine;
using Serving.Engine.Requests;

namespace Serving.Server.Hosting;

/// <summary>The engine as the rest of the server reaches it: not there while the model loads, and closed once the daemon drains.</summary>
internal sealed class EngineAccess
{
    private volatile IEngineClient? _client;
    private volatile bool _draining;

    /// <summary>Why nothing can be said while the model loads.</summary>
    public static RequestFailure Loading { get; } = new(RequestError.NotReady, "The model is being loaded.", RetryAfter: TimeSpan.FromSeconds(2));

    /// <summary>The engine, or null while the model loads.</summary>
    public IEngineClient? Client => _client;

    /// <summary>True once no new requests are taken.</summary>
    public bool IsDraining => _draining;

    /// <summary>Where the daemon is in its life.</summary>
    public EngineState State => _client is not { } client ? EngineState.Starting : _draining && client.State == EngineState.Ready ? EngineState.Draining : client.State;

    /// <summary>Opens the door.</summary>
    public void Open(IEngineClient client) => _client = client;

    /// <summary>Closes the door for new requests.</summary>
    public void CloseForDrain() => _draining = true;

    /// <summary>The engine, or why there is none for a new request now.</summary>
    public bool TryEnter([NotNullWhen(true)] out IEngineClient? engine, [NotNullWhen(false)] out RequestFailure? failure)
    {
        engine = _draining ? null : _client;
        failure = engine is not null ? null
            : _draining ? new RequestFailure(RequestError.Draining, "The daemon is shutting down.", RetryAfter: TimeSpan.FromSeconds(1))
            : Loading;
        return engine is not null;
    }
}
