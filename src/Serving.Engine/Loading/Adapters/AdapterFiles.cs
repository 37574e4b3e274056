using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Serving.Engine.Loading.Peft;

namespace Serving.Engine.Loading.Adapters;

/// <summary>Reads an adapter's two files into private memory, both of one moment. No file outside the owner's reach is read, whatever links change meanwhile.</summary>
internal sealed class AdapterFiles : IAdapterFiles
{
    private const int MaxConfigBytes = Models.JsonFields.MaxBytes;

    /// <inheritdoc/>
    public AdapterStamp? Look(AdapterLocation location) => AdapterStamp.Of(location.Folder, location.Reach);

    /// <inheritdoc/>
    public (byte[] Config, FileBytes Weights)? Read(AdapterLocation location, AdapterStamp stamp, long maxWeightBytes)
    {
        var config = ReadOne(location.Folder, PeftAdapterReader.ConfigName, location.Reach, stamp.Config, MaxConfigBytes);
        var weights = ReadOne(location.Folder, PeftAdapterReader.WeightsName, location.Reach, stamp.Weights, maxWeightBytes);
        return config is null || weights is null || Look(location) != stamp ? null : (config.Slice(0, (int)config.Length).ToArray(), weights);
    }

    private static FileBytes? ReadOne(string folder, string name, string reach, FileStamp expected, long maxBytes)
    {
        if (FileStamp.Of(Path.Combine(folder, name), reach, out var real) != expected)
        {
            return null;
        }

        // Pipes and devices have no length and are never opened: opening a pipe would wait for its writer.
        if (expected.Length == 0)
        {
            throw new AdapterFormatException(AdapterFailure.Corrupt, $"{name}: the file is empty");
        }

        if (expected.Length > maxBytes)
        {
            throw new AdapterFormatException(AdapterFailure.TooLarge, $"{name}: larger than {maxBytes} bytes");
        }

        using var file = File.OpenHandle(real, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return IsInside(file, reach) && RandomAccess.GetLength(file) == expected.Length ? ReadAll(file, expected.Length) : null;
    }

    /// <summary>Whether the file that was really opened lies inside: a link put in its way after the look counts as a change.</summary>
    private static bool IsInside(SafeFileHandle file, string reach)
    {
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        var descriptor = file.DangerousGetHandle().ToString(CultureInfo.InvariantCulture);
        return new FileInfo("/proc/self/fd/" + descriptor).LinkTarget is not { } opened || RealPath.IsInside(opened, reach);
    }

    private static FileBytes? ReadAll(SafeFileHandle file, long length)
    {
        var bytes = new FileBytes(length);
        var first = 0L;
        for (var i = 0; i < bytes.PieceCount; i++)
        {
            var piece = bytes.Piece(i);
            for (var done = 0; done < piece.Length;)
            {
                var read = RandomAccess.Read(file, piece[done..], first + done);
                if (read == 0)
                {
                    return null;
                }

                done += read;
            }

            first += piece.Length;
        }

        return bytes;
    }
}
