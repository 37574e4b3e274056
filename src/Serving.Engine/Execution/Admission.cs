using System.Diagnostics.CodeAnalysis;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>
/// A request's place among those under way, as a value: disposing it gives the place back, unless <see cref="Keep"/> has handed it on to the request itself.
/// </summary>
public sealed class Admission : IDisposable
{
    private Func<long, RequestFailure?>? _reserve;
    private Action? _release;

    /// <summary>Creates an admission.</summary>
    /// <param name="reserve">Takes tokens in flight, or says why not.</param>
    /// <param name="release">Gives the place and the tokens back.</param>
    internal Admission(Func<long, RequestFailure?> reserve, Action release)
    {
        _reserve = reserve;
        _release = release;
    }

    /// <summary>Gate 2: takes the tokens that the request may come to hold.</summary>
    public bool TryReserve(long tokens, [NotNullWhen(false)] out RequestFailure? failure)
    {
        failure = _reserve?.Invoke(tokens);
        _reserve = null;
        return failure is null;
    }

    /// <summary>Hands the place on: what is returned gives it back when called.</summary>
    public Action Keep()
    {
        var release = _release!;
        _release = null;
        return release;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _release?.Invoke();
        _release = null;
    }
}
