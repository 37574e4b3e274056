namespace Serving.Engine;

/// <summary>How far loading is.</summary>
/// <param name="Stage">What is being done, for a person.</param>
/// <param name="DoneBytes">Bytes done of this stage.</param>
/// <param name="TotalBytes">Bytes of this stage; 0 when it is not measured.</param>
public readonly record struct EngineProgress(string Stage, long DoneBytes, long TotalBytes);
