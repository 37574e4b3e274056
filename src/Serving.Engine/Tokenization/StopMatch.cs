namespace Serving.Engine.Tokenization;

/// <summary>What <see cref="StopMatcher"/> says about the text so far.</summary>
/// <param name="Text">Text that may go out now.</param>
/// <param name="Stop">The stop string that ended the answer; null while none has.</param>
public readonly record struct StopMatch(string Text, string? Stop);
