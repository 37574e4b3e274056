using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Serving.Engine.Loading;

/// <summary>A file's bytes in memory, in pieces where it is larger than an array: an adapter of every expert of a large mixture in fp32 is.</summary>
internal sealed class FileBytes
{
    /// <summary>Bytes of a piece, unless others are asked for.</summary>
    public const int PieceBytes = 1 << 30;

    private readonly Memory<byte>[] _pieces;
    private readonly int _pieceBytes;

    /// <summary>Takes memory for a file, to be filled through <see cref="Piece"/>.</summary>
    public FileBytes(long length, int pieceBytes = PieceBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pieceBytes);
        _pieceBytes = pieceBytes;
        Length = length;
        _pieces = new Memory<byte>[checked((int)((length + pieceBytes - 1) / pieceBytes))];
        for (var i = 0; i < _pieces.Length; i++)
        {
            _pieces[i] = GC.AllocateUninitializedArray<byte>((int)Math.Min(pieceBytes, length - ((long)i * pieceBytes)));
        }
    }

    private FileBytes(Memory<byte> whole)
    {
        (_pieces, _pieceBytes, Length) = ([whole], int.MaxValue, whole.Length);
    }

    /// <summary>Bytes of the file.</summary>
    public long Length { get; }

    /// <summary>Number of pieces.</summary>
    public int PieceCount => _pieces.Length;

    /// <summary>A file that is one array.</summary>
    public static FileBytes Of(ReadOnlyMemory<byte> whole) => new(MemoryMarshal.AsMemory(whole));

    /// <summary>A piece, one behind the other.</summary>
    public Span<byte> Piece(int index) => _pieces[index].Span;

    /// <summary>Some bytes; copied where they lie in more than one piece.</summary>
    public ReadOnlySpan<byte> Slice(long first, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, Length - length);
        var (piece, at) = ((int)(first / _pieceBytes), (int)(first % _pieceBytes));
        if (length == 0 || at <= _pieces[piece].Length - length)
        {
            return length == 0 ? [] : _pieces[piece].Span.Slice(at, length);
        }

        var copy = new byte[length];
        for (var done = 0; done < length; piece++, at = 0)
        {
            var count = Math.Min(length - done, _pieces[piece].Length - at);
            _pieces[piece].Span.Slice(at, count).CopyTo(copy.AsSpan(done));
            done += count;
        }

        return copy;
    }

    /// <summary>Its first bytes, so many at most, to be read one after the other.</summary>
    public Stream OpenStart(int maxBytes)
    {
        if (_pieces is not [var first, ..])
        {
            return Stream.Null;
        }

        var start = first[..Math.Min(maxBytes, first.Length)];
        return MemoryMarshal.TryGetArray<byte>(start, out var array)
            ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
            : new MemoryStream(start.ToArray(), writable: false);
    }

    /// <summary>SHA-256 of all bytes.</summary>
    public void Hash(Span<byte> digest)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var piece in _pieces)
        {
            hash.AppendData(piece.Span);
        }

        hash.GetHashAndReset(digest);
    }
}
