using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>Reads whole files of a bounded size into private memory.</summary>
internal static class BoundedFile
{
    /// <summary>The bytes of a file.</summary>
    /// <exception cref="MalformedFileException">It is larger than <paramref name="maxBytes"/>, or was cut short while it was read.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static byte[] Read(string path, long maxBytes)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var size = RandomAccess.GetLength(file);
        if (size > Math.Min(maxBytes, Array.MaxLength))
        {
            throw new MalformedFileException($"larger than {maxBytes} bytes");
        }

        var bytes = new byte[size];
        for (var done = 0; done < bytes.Length;)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(done), done);
            if (read == 0)
            {
                throw new MalformedFileException("cut short while it was read");
            }

            done += read;
        }

        return bytes;
    }
}
