namespace Campfire.Realtime.Tests.Histories;

internal enum ActKind
{
    // The log and its broadcasts.
    EventArrives,
    EventIsLost,
    EventArrivesTwice,
    EventIsLate,
    LateEventArrives,
    OldEventIsRepeated,
    EventIsInvented,
    EventIsUnreadable,
    EventsArriveInABurst,
    ReceiptArrives,
    RowIsDeleted,
    RowIsSpoilt,

    // The connection.
    LineBreaks,
    ServerHangsUp,
    LineGoesSilent,
    UpgradeIsRefused,
    ApiKeyIsRefused,
    MalformedFrameArrives,
    StrangeFrameArrives,

    // The channel.
    JoinIsRefusedForTheMoment,
    JoinIsRefusedForTheToken,
    JoinIsRefusedForGood,
    JoinIsNotAnswered,
    ChannelIsClosedForTheMoment,
    ChannelIsClosedForTheToken,
    ChannelIsClosedForGood,
    ChannelCrashes,
    ChannelIsForgotten,
    StaleFramesArrive,

    // Tokens.
    TokenIsLate,
    TokenIsDenied,
    TokensAreShort,

    // The database.
    DatabaseIsBusy,
    DatabaseDoesNotAnswer,
    DatabaseIsAnotherPage,
    DatabaseAnswersNonsense,
    DatabaseRefusesTheToken,

    // The application.
    MessageIsSent,
    AnswerToAMessageIsLost,
    MessageIsRefused,
    PresenceIsTracked,
    TypingStarts,
    ReaderStops,
    ReaderReadsSome,
    ReaderGoesOn,
    ConversationIsLeft,

    // Time.
    MillisecondsPass,
    SecondsPass,
    MinutesPass,
    HoursPass,
}

internal readonly record struct Act(ActKind Kind, int Number)
{
    public override string ToString() => $"{Kind}({Number})";
}
