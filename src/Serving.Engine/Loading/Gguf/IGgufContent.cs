namespace Serving.Engine.Loading.Gguf;

/// <summary>The bytes of a GGUF file, wherever they are.</summary>
internal interface IGgufContent
{
    /// <summary>Reads bytes of the file.</summary>
    /// <param name="offset">The first.</param>
    /// <param name="destination">Filled.</param>
    /// <exception cref="Models.MalformedFileException">The file was cut short.</exception>
    void Read(long offset, Span<byte> destination);
}

/// <summary>A file that was read whole, as an adapter's is.</summary>
internal sealed class GgufMemory(FileBytes bytes) : IGgufContent
{
    /// <inheritdoc/>
    public void Read(long offset, Span<byte> destination) => bytes.Slice(offset, destination.Length).CopyTo(destination);
}
