namespace Serving.Core.Modules;

/// <summary>Where a module's keys and values are, in the view of the core.</summary>
public enum ModuleState
{
    /// <summary>Not in the pool; perhaps in host memory.</summary>
    Absent,

    /// <summary>A running sequence of its own computes them.</summary>
    Encoding,

    /// <summary>Pages are taken and being filled from host memory.</summary>
    Loading,

    /// <summary>In its pages, which nobody writes any more.</summary>
    Resident,
}
