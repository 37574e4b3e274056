using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>
/// An open GGUF model: one file, or the parts that it was split into, which are read as if they lay one behind the other. Tensors are read in chunks into the caller's buffers; nothing is mapped into memory, so that a
/// file cut short while it is read is an error and not a signal.
/// </summary>
internal sealed class GgufFile : IGgufContent, IDisposable
{
    private readonly GgufPart[] _parts;

    private GgufFile(GgufPart[] parts) => (_parts, Header) = (parts, GgufSplit.Join([.. parts.Select(part => (part.Header, part.FileBytes))]));

    /// <summary>The checked beginning: of a model in parts the first one's metadata and the tensors of all.</summary>
    public GgufHeader Header { get; }

    /// <summary>Its files.</summary>
    public IReadOnlyList<GgufPart> Parts => _parts;

    /// <summary>Opens a file, and the others where it is the first part of a model, and checks their beginnings.</summary>
    /// <exception cref="MalformedFileException">One is not well formed, is missing, or they do not belong together.</exception>
    /// <exception cref="IOException">One cannot be read.</exception>
    public static GgufFile Open(string path)
    {
        var parts = new List<GgufPart> { GgufPart.Open(path) };
        try
        {
            foreach (var other in GgufSplit.OthersOf(path, parts[0].Header.Metadata))
            {
                parts.Add(OpenOther(other));
            }

            return new GgufFile([.. parts]);
        }
        catch
        {
            parts.ForEach(part => part.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public void Read(long offset, Span<byte> destination)
    {
        foreach (var part in _parts)
        {
            if (offset < part.FileBytes)
            {
                part.Read(offset, destination);
                return;
            }

            offset -= part.FileBytes;
        }

        throw GgufPart.CutShort();
    }

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_parts, part => part.Dispose());

    private static GgufPart OpenOther(string path)
    {
        try
        {
            return GgufPart.Open(path);
        }
        catch (MalformedFileException e) when (File.Exists(path))
        {
            throw new MalformedFileException($"{MalformedFileException.Quote(Path.GetFileName(path))}: {e.Message}", e);
        }
    }
}
