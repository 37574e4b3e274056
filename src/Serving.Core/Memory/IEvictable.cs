namespace Serving.Core.Memory;

/// <summary>A holder of idle things that can be given up when pages lack: prefix pages, adapters.</summary>
internal interface IEvictable
{
    /// <summary>Pages that come free when everything idle is given up.</summary>
    int EvictablePages { get; }

    /// <summary>Gives up one idle thing; at least one page is free afterwards.</summary>
    /// <param name="index">Index under which it was offered, within this holder.</param>
    void Evict(int index);
}
