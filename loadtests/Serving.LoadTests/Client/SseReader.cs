using System.Text;

namespace Serving.LoadTests.Client;

/// <summary>A stream of server-sent events that breaks the format's or our bounds.</summary>
internal sealed class SseFormatException(string message) : Exception(message);

/// <summary>
/// Reads server-sent events (WHATWG HTML, 9.2) from bytes as they come, however they are cut: lines end in LF, CR or CRLF, lines of one event's data are joined by LF, an empty line
/// ends an event, other fields and comments are passed over.
/// </summary>
internal sealed class SseReader
{
    /// <summary>Largest event, bytes; more is an error.</summary>
    public const int MaxEventBytes = 1 << 20;

    private static readonly byte[] Data = "data"u8.ToArray();
    private readonly List<byte> _line = [];
    private readonly List<byte> _data = [];
    private bool _hasData;
    private bool _afterReturn;
    private bool _begun;

    /// <summary>Takes bytes and returns the data of every event that ends in them.</summary>
    /// <exception cref="SseFormatException">An event is too large.</exception>
    public IEnumerable<ReadOnlyMemory<byte>> Feed(ReadOnlyMemory<byte> bytes)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            var value = bytes.Span[i];
            var skipped = _afterReturn && value == '\n';
            _afterReturn = value == '\r';
            if (skipped)
            {
                continue;
            }

            if (value is (byte)'\n' or (byte)'\r')
            {
                if (EndLine() is { } data)
                {
                    yield return data;
                }
            }
            else if (_line.Count + _data.Count >= MaxEventBytes)
            {
                throw new SseFormatException($"an event has more than {MaxEventBytes} bytes");
            }
            else
            {
                _line.Add(value);
            }
        }
    }

    private ReadOnlyMemory<byte>? EndLine()
    {
        var line = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_line);
        if (!_begun && line.StartsWith(Encoding.UTF8.Preamble))
        {
            line = line[Encoding.UTF8.Preamble.Length..];
        }

        _begun = true;
        if (line.IsEmpty)
        {
            _line.Clear();
            return EndEvent();
        }

        var colon = line.IndexOf((byte)':');
        var field = colon < 0 ? line : line[..colon];
        if (field.SequenceEqual(Data))
        {
            var value = colon < 0 ? [] : line[(colon + 1)..];
            if (_hasData)
            {
                _data.Add((byte)'\n');
            }

            _data.AddRange(value.StartsWith(" "u8) ? value[1..] : value);
            _hasData = true;
        }

        _line.Clear();
        return null;
    }

    private ReadOnlyMemory<byte>? EndEvent()
    {
        if (!_hasData)
        {
            return null;
        }

        var data = _data.ToArray();
        _data.Clear();
        _hasData = false;
        return data;
    }
}
