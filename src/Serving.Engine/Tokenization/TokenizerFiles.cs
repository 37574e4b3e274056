namespace Serving.Engine.Tokenization;

/// <summary>Reads a tokenizer's files with a limit.</summary>
internal static class TokenizerFiles
{
    /// <summary>The file's bytes, or null when it is not there.</summary>
    public static byte[]? Read(string folder, string name, int maxBytes)
    {
        try
        {
            using var stream = new FileStream(Path.Combine(folder, name), FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length > maxBytes)
            {
                throw new TokenizerFormatException($"{name}: {stream.Length} bytes are more than the {maxBytes} that are read");
            }

            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerFormatException($"{name}: cannot be read", e);
        }
    }
}
