namespace Serving.Engine.Loading;

/// <summary>How far a model is loaded.</summary>
/// <param name="DoneBytes">Bytes of bf16 handed to the backend.</param>
/// <param name="TotalBytes">Bytes of all weights as bf16.</param>
public readonly record struct LoadProgress(long DoneBytes, long TotalBytes);
