using Serving.Core.Memory;
using Serving.Simulation.Failures;

namespace Serving.Simulation.Model;

/// <summary>
/// The recurrent states in the fake device's memory: which part of which state a page was last written with, by which adapter and for which tenant. A version of which any page holds something
/// else by now is seen when it is read; a version that is whole and the wrong one changes the answer.
/// </summary>
internal sealed class FakeStates(int pages)
{
    private readonly Part[] _parts = new Part[pages];

    /// <summary>Whether a page holds a part of a state.</summary>
    public bool IsPart(PageId page) => _parts[page.Value].Place > 0;

    /// <summary>Something else goes to a page.</summary>
    public void Clear(PageId page) => _parts[page.Value] = default;

    /// <summary>The device is lost.</summary>
    public void Wipe() => Array.Clear(_parts);

    /// <summary>A state goes to the pages of a version.</summary>
    public void Write(ReadOnlySpan<PageId> version, ulong recurrent, ulong adapter, ulong salt)
    {
        for (var place = 0; place < version.Length; place++)
        {
            _parts[version[place].Value] = new Part(place + 1, recurrent, adapter, salt);
        }
    }

    /// <summary>The state in the pages of a version.</summary>
    public ulong Read(ReadOnlySpan<PageId> version, ulong adapter, ulong salt)
    {
        var first = _parts[version[0].Value];
        for (var place = 0; place < version.Length; place++)
        {
            var part = _parts[version[place].Value];
            if (part != first with { Place = place + 1 })
            {
                throw new InvariantViolation("29 states are whole", $"page {version[place].Value}, the {place + 1}th of {version.Length}, holds {part}, the first one {first}");
            }
        }

        if (first.Adapter != adapter || first.Salt != salt)
        {
            throw new InvariantViolation("05 one adapter and tenant per page", $"the state in page {version[0].Value} was computed for another {(first.Adapter == adapter ? "tenant" : "adapter")}");
        }

        return first.Recurrent;
    }

    /// <summary>A page's part of a state.</summary>
    /// <param name="Place">Which page of the version it is, from 1; 0 is none.</param>
    /// <param name="Recurrent">The state.</param>
    /// <param name="Adapter">Which adapter it was computed with.</param>
    /// <param name="Salt">For which tenant.</param>
    private readonly record struct Part(int Place, ulong Recurrent, ulong Adapter, ulong Salt);
}
