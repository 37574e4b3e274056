using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>One open file of a GGUF model.</summary>
internal sealed class GgufPart : IDisposable
{
    private const int BufferBytes = 1 << 16;

    private readonly FileStream _stream;

    private GgufPart(FileStream stream, GgufHeader header) => (_stream, FileBytes, Header) = (stream, stream.Length, header);

    /// <summary>The checked beginning.</summary>
    public GgufHeader Header { get; }

    /// <summary>Size of the file.</summary>
    public long FileBytes { get; }

    /// <summary>When the file was last changed.</summary>
    public DateTime ChangedUtc => File.GetLastWriteTimeUtc(_stream.SafeFileHandle);

    /// <summary>Opens a file and checks its beginning.</summary>
    /// <exception cref="MalformedFileException">It is missing or not well formed.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static GgufPart Open(string path)
    {
        var stream = OpenStream(path);
        try
        {
            return new GgufPart(stream, GgufHeader.Read(stream, stream.Length));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads bytes of the file.</summary>
    /// <exception cref="MalformedFileException">The file was cut short.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            var read = RandomAccess.Read(_stream.SafeFileHandle, destination, offset);
            if (read == 0)
            {
                throw CutShort();
            }

            destination = destination[read..];
            offset += read;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    /// <summary>The error for bytes behind the end.</summary>
    public static MalformedFileException CutShort() => new("the file ends before its tensors do");

    private static FileStream OpenStream(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferBytes);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new MalformedFileException($"there is no file {MalformedFileException.Quote(Path.GetFileName(path))}", e);
        }
    }
}
