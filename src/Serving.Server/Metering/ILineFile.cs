namespace Serving.Server.Metering;

/// <summary>Where the ledger's lines go; a test takes a disk's part.</summary>
internal interface ILineFile : IDisposable
{
    /// <summary>Appends a line, its end included; throws an IOException when it cannot.</summary>
    void Append(ReadOnlySpan<byte> line);

    /// <summary>Brings what was written to the disk.</summary>
    void Sync();

    /// <summary>Closes it; the next line opens what then has its name.</summary>
    void Close();
}
