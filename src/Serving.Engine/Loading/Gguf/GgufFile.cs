using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>One open GGUF file. Tensors are read in chunks into the caller's buffers; nothing is mapped into memory, so that a file cut short while it is read is an error and not a signal.</summary>
internal sealed class GgufFile : IGgufContent, IDisposable
{
    private const int BufferBytes = 1 << 16;

    private readonly FileStream _stream;

    private GgufFile(FileStream stream, GgufHeader header) => (_stream, FileBytes, Header) = (stream, stream.Length, header);

    /// <summary>The checked beginning.</summary>
    public GgufHeader Header { get; }

    /// <summary>Size of the file.</summary>
    public long FileBytes { get; }

    /// <summary>When the file was last changed.</summary>
    public DateTime ChangedUtc => File.GetLastWriteTimeUtc(_stream.SafeFileHandle);

    /// <summary>Opens a file and checks its beginning.</summary>
    /// <exception cref="MalformedFileException">It is not well formed.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static GgufFile Open(string path)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferBytes);
        try
        {
            return new GgufFile(stream, GgufHeader.Read(stream, stream.Length));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Read(long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            var read = RandomAccess.Read(_stream.SafeFileHandle, destination, offset);
            if (read == 0)
            {
                throw new MalformedFileException("the file ends before its tensors do");
            }

            destination = destination[read..];
            offset += read;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();
}
