namespace Serving.Core.Scheduling;

/// <summary>A row whose next token is sampled or scored.</summary>
/// <param name="SequenceIndex">Whose: index into <see cref="StepPlan.Sequences"/>.</param>
/// <param name="Row">The row.</param>
/// <param name="TargetToken">The prompt token to score, or -1 to sample one.</param>
/// <param name="OutputIndex">Which output token of its sequence is sampled, from 0: a counter of the random number. 0 for a scored one.</param>
/// <param name="Hidden">Where its hidden state is among those that the step gives back, from 0; -1 for an output whose hidden state nobody asks for. One that is asked for is scored by its own row's token, which says nothing.</param>
public readonly record struct PlannedOutput(int SequenceIndex, int Row, int TargetToken, int OutputIndex, int Hidden = -1);
