using Microsoft.Win32.SafeHandles;
using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>
/// One open safetensors file. Tensors are read in chunks into the caller's buffers; nothing is mapped into memory, so that a file cut short
/// while it is read is an error and not a signal.
/// </summary>
public sealed class SafetensorsReader : IDisposable
{
    private readonly SafeFileHandle _file;

    private SafetensorsReader(SafeFileHandle file, long fileBytes, SafetensorsHeader header, byte[] headerText)
    {
        _file = file;
        FileBytes = fileBytes;
        Header = header;
        HeaderText = headerText;
    }

    /// <summary>The checked header.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>Size of the file.</summary>
    public long FileBytes { get; }

    /// <summary>When the file was last changed.</summary>
    public DateTime ChangedUtc => File.GetLastWriteTimeUtc(_file);

    /// <summary>The header's text as it stands in the file: part of a model's revision.</summary>
    public ReadOnlyMemory<byte> HeaderText { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="MalformedFileException">The header is not well formed.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SafetensorsReader Open(string path)
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            var size = RandomAccess.GetLength(file);
            Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixBytes];
            ReadFully(file, prefix[..(int)Math.Min(size, prefix.Length)], 0);
            var text = new byte[SafetensorsHeader.ReadLength(prefix, size)];
            ReadFully(file, text, SafetensorsHeader.PrefixBytes);
            return new SafetensorsReader(file, size, SafetensorsHeader.Parse(text, size), text);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads elements of a tensor, rounded to bf16.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="firstElement">First element to read.</param>
    /// <param name="scratch">Room for the file's own bytes of as many elements.</param>
    /// <param name="destination">Filled.</param>
    /// <exception cref="MalformedFileException">A value is not finite, or the file was cut short.</exception>
    public void Read(TensorEntry tensor, long firstElement, Span<byte> scratch, Span<ushort> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentOutOfRangeException.ThrowIfNegative(firstElement);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, tensor.Length - firstElement);
        var elementBytes = TensorTypes.SizeOf(tensor.Type);
        var bytes = scratch[..checked(destination.Length * elementBytes)];
        ReadFully(_file, bytes, Header.DataOffset + tensor.Begin + (firstElement * elementBytes));
        if (!TensorConversion.TryToBFloat16(tensor.Type, bytes, destination))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} holds a value that is not finite");
        }
    }

    /// <summary>Reads bytes of a tensor as they are.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="firstByte">First byte to read.</param>
    /// <param name="destination">Filled.</param>
    /// <exception cref="MalformedFileException">The file was cut short.</exception>
    public void ReadBytes(TensorEntry tensor, long firstByte, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentOutOfRangeException.ThrowIfNegative(firstByte);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, tensor.End - tensor.Begin - firstByte);
        ReadFully(_file, destination, Header.DataOffset + tensor.Begin + firstByte);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static void ReadFully(SafeFileHandle file, Span<byte> destination, long offset)
    {
        while (destination.Length > 0)
        {
            var read = RandomAccess.Read(file, destination, offset);
            if (read == 0)
            {
                throw new MalformedFileException("the file ends before its tensors do");
            }

            destination = destination[read..];
            offset += read;
        }
    }
}
