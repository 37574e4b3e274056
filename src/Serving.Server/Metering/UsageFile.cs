using System.Globalization;

namespace Serving.Server.Metering;

/// <summary>
/// The ledger's file: whole lines, appended. One that has grown to its size is renamed to <c>FILE.N</c>, N one more than the highest there is; the oldest beyond the
/// number to keep is deleted. A line that was cut short (a full disk, a kill) is ended before the next one, so that it spoils no other. One process per file: a
/// second one cannot lock <c>.FILE.lock</c>. Not thread-safe.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="maxSize">Bytes after which it is renamed; 0 leaves that to others.</param>
/// <param name="maxFiles">Renamed files that are kept.</param>
internal sealed class UsageFile(string path, long maxSize, int maxFiles) : ILineFile
{
    private FileStream? _stream;
    private FileStream? _lock;
    private bool _isTorn;
    private bool _isDirty;

    /// <inheritdoc/>
    public void Append(ReadOnlySpan<byte> line)
    {
        _stream ??= Open();
        if (maxSize > 0 && _stream.Length > 0 && _stream.Length + line.Length > maxSize)
        {
            Rotate();
            _stream = Open();
        }

        if (_isTorn)
        {
            _stream.WriteByte((byte)'\n');
        }

        _isTorn = true;
        _stream.Write(line);
        _isTorn = false;
        _isDirty = true;
    }

    /// <inheritdoc/>
    public void Sync()
    {
        if (_isDirty)
        {
            _isDirty = false;
            _stream?.Flush(flushToDisk: true);
        }
    }

    /// <inheritdoc/>
    public void Close()
    {
        try
        {
            Sync();
        }
        finally
        {
            _stream?.Dispose();
            _stream = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Close();
        }
        finally
        {
            _lock?.Dispose();
            _lock = null;
        }
    }

    private FileStream Open()
    {
        // Not the file itself: its readers would be locked out too.
        _lock ??= new FileStream(LockPath, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None });
        var stream = new FileStream(path, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 });
        if (stream.Length > 0)
        {
            stream.Seek(-1, SeekOrigin.End);
            _isTorn = stream.ReadByte() != '\n';
        }
        else
        {
            _isTorn = false;
        }

        return stream;
    }

    private void Rotate()
    {
        Close();
        var numbers = Numbers();
        var next = numbers.Count == 0 ? 1 : numbers.Max() + 1;
        File.Move(path, Numbered(next));
        foreach (var old in numbers.Where(number => number <= next - maxFiles))
        {
            File.Delete(Numbered(old));
        }

        if (maxFiles == 0)
        {
            File.Delete(Numbered(next));
        }
    }

    private string LockPath => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, $".{Path.GetFileName(path)}.lock");

    private string Numbered(long number) => $"{path}.{number.ToString(CultureInfo.InvariantCulture)}";

    private List<long> Numbers() =>
    [
        .. from file in Directory.EnumerateFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, Path.GetFileName(path) + ".*")
           let number = long.TryParse(file[(file.LastIndexOf('.') + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : 0
           where number > 0 && Path.GetFileName(Numbered(number)) == Path.GetFileName(file)
           select number,
    ];
}
