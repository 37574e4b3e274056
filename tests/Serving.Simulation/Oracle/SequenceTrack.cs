using Serving.Core.Requests;

namespace Serving.Simulation.Oracle;

/// <summary>What the simulation has seen of one choice, beside what it should see. The scheduler's sequence carries it as its tag.</summary>
internal sealed class SequenceTrack(SimRequest owner, int choice, OracleSequence oracle, int abortAt)
{
    /// <summary>The request.</summary>
    public SimRequest Owner { get; } = owner;

    /// <summary>Which of its choices.</summary>
    public int Choice { get; } = choice;

    /// <summary>The right answer, advanced with the reported tokens.</summary>
    public OracleSequence Oracle { get; } = oracle;

    /// <summary>Output whose reader is too slow; −1 is none.</summary>
    public int AbortAt { get; } = abortAt;

    /// <summary>Output after which its constraint allows no token; −1 is none.</summary>
    public int DeadEndAt { get; set; } = -1;

    /// <summary>The scheduler's sequence, once it was seen.</summary>
    public Sequence? Sequence { get; set; }

    /// <summary>Tokens reported.</summary>
    public int Emitted { get; set; }

    /// <summary>Outputs charged: those reported, and a stop token, which is not.</summary>
    public int Outputs { get; set; }

    /// <summary>Prompt tokens scored.</summary>
    public int Scored { get; set; }

    /// <summary>Times its last prompt token's hidden state came.</summary>
    public int Embedded { get; set; }

    /// <summary>Whether its terminal event came.</summary>
    public bool Ended { get; set; }

    /// <summary>Whether the oracle's last token was reported: only the terminal event may follow.</summary>
    public bool Closing { get; set; }

    /// <summary>Reason of the terminal event.</summary>
    public FinishReason Reason { get; set; }

    /// <summary>Times it was preempted.</summary>
    public int Preemptions { get; set; }

    /// <summary>Preemptions after which it ran again.</summary>
    public int Resumptions { get; set; }

    /// <summary>Whether a plan had rows of it.</summary>
    public bool Started { get; set; }

    /// <summary>Its status after the step before.</summary>
    public SequenceStatus Status { get; set; }

    /// <summary>First ordinal of its first plan; null before.</summary>
    public int? Cached { get; set; }

    /// <summary>The reported tokens, folded.</summary>
    public ulong AnswerHash { get; set; }
}
