using Serving.Engine.Loading.Adapters;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>Files that fail where the test says so, with whatever it says.</summary>
internal sealed class FaultyFiles : IAdapterFiles
{
    private readonly AdapterFiles _files = new();

    public Func<Exception>? OnLook { get; set; }

    public Func<Exception>? OnRead { get; set; }

    public AdapterStamp? Look(AdapterLocation location) => OnLook is { } failure ? throw failure() : _files.Look(location);

    public AdapterBytes? Read(AdapterLocation location, AdapterStamp stamp, long maxWeightBytes) =>
        OnRead is { } failure ? throw failure() : _files.Read(location, stamp, maxWeightBytes);
}
