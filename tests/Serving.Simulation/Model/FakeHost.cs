using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Simulation.Failures;

namespace Serving.Simulation.Model;

/// <summary>
/// The host memory behind the device. A copy may read and write at any time between its order and its answer: what it reads must not change meanwhile, and what it writes to is nobody's.
/// </summary>
internal sealed class FakeHost(int count, FakePages pages)
{
    private readonly PageImage?[] _images = new PageImage?[count];
    private readonly Dictionary<long, PageImage?[]> _sources = [];

    /// <summary>A copy begins.</summary>
    public void Begin(ModuleTransfer transfer)
    {
        _sources.Add(transfer.Number, Read(transfer));
        for (var i = 0; !transfer.ToHost && i < transfer.Pages.Count; i++)
        {
            pages.Spoil(transfer.Pages[i]);
        }
    }

    /// <summary>A copy is done: its source is as it was, its target holds it.</summary>
    public void End(ModuleTransfer transfer)
    {
        var before = Take(transfer);
        var now = Read(transfer);
        for (var i = 0; i < now.Length; i++)
        {
            if (now[i] is not { } image || !image.Equals(before[i]))
            {
                throw new InvariantViolation("26 copies are whole", $"page {i} of transfer {transfer.Number} {(transfer.ToHost ? "to" : "from")} host memory changed while it was copied");
            }

            if (transfer.ToHost)
            {
                _images[transfer.HostPages[i]] = image;
            }
            else
            {
                pages.Restore(transfer.Pages[i], image);
            }
        }
    }

    /// <summary>A copy failed, or went to a device that was lost.</summary>
    public void Fail(ModuleTransfer transfer) => Take(transfer);

    /// <summary>The device is lost, and its host memory with it.</summary>
    public void Wipe() => Array.Clear(_images);

    private PageImage?[] Take(ModuleTransfer transfer)
    {
        _sources.Remove(transfer.Number, out var before);
        return before!;
    }

    private PageImage?[] Read(ModuleTransfer transfer) => transfer.ToHost
        ? [.. transfer.Pages.Select(pages.ImageOf)]
        : [.. transfer.HostPages.Select(page => _images[page])];
}
