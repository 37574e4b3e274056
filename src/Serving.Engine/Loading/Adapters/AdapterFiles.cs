using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Serving.Engine.Loading.Peft;

namespace Serving.Engine.Loading.Adapters;

/// <summary>Reads an adapter's files into private memory, all of one moment. No file outside the owner's reach is read, whatever links change meanwhile.</summary>
internal sealed class AdapterFiles : IAdapterFiles
{
    private const int MaxConfigBytes = Models.JsonFields.MaxBytes;

    /// <inheritdoc/>
    public AdapterStamp? Look(AdapterLocation location) => AdapterStamp.Of(location);

    /// <inheritdoc/>
    public AdapterBytes? Read(AdapterLocation location, AdapterStamp stamp, long maxWeightBytes)
    {
        var config = stamp.Config is { } expected ? ReadOne(location, PeftAdapterReader.ConfigName, PeftAdapterReader.ConfigName, expected, MaxConfigBytes) : null;
        var weights = ReadOne(location, location.File ?? PeftAdapterReader.WeightsName, location.File is null ? PeftAdapterReader.WeightsName : "GGUF file", stamp.Weights, maxWeightBytes);
        return (config is null && location.File is null) || weights is null || Look(location) != stamp ? null : new AdapterBytes(config?.Slice(0, (int)config.Length).ToArray(), weights);
    }

    private static FileBytes? ReadOne(AdapterLocation location, string fileName, string name, FileStamp expected, long maxBytes)
    {
        var reach = location.Reach;
        if (FileStamp.Of(Path.Combine(location.Folder, fileName), reach, out var real) != expected)
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
