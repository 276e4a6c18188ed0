namespace Campfire.Realtime.Protocol;

/// <summary>Names each row of the channel naming standard.</summary>
public enum ChannelKind
{
    /// <summary><c>org:{org}</c>: what happens to conversations of the organization.</summary>
    Organization,

    /// <summary><c>org:{org}:conversations</c>: every message of the organization.</summary>
    Conversations,

    /// <summary><c>org:{org}:conv:{conv}</c>: the events of one conversation, receive only.</summary>
    Conversation,

    /// <summary><c>org:{org}:conv:{conv}:typing</c>: the only channel that accepts broadcasts of clients.</summary>
    ConversationTyping,

    /// <summary><c>org:{org}:conv:{conv}:presence</c>: reserved.</summary>
    ConversationPresence,

    /// <summary><c>org:{org}:conv:{conv}:handover</c>: reserved.</summary>
    ConversationHandover,

    /// <summary><c>org:{org}:conv:{conv}:status</c>: reserved.</summary>
    ConversationStatus,

    /// <summary><c>org:{org}:agents:presence</c>: presence of the organization's agents.</summary>
    AgentsPresence,

    /// <summary><c>org:{org}:notifications</c>: the application's notifications to all members.</summary>
    Notifications,

    /// <summary><c>org:{org}:activity</c>: the application's activity feed.</summary>
    Activity,

    /// <summary><c>org:{org}:metrics</c>: the application's figures.</summary>
    Metrics,

    /// <summary><c>org:{org}:user:{user}</c>: the application's events for one user.</summary>
    User,

    /// <summary><c>org:{org}:user:{user}:notifications</c>: notifications for one user.</summary>
    UserNotifications,

    /// <summary><c>org:{org}:user:{user}:presence</c>: presence of one user's devices.</summary>
    UserPresence,

    /// <summary><c>org:{org}:user:{user}:activity</c>: activity of one user.</summary>
    UserActivity,

    /// <summary><c>org:{org}:widget:visitor:{visitor}</c>: one visitor's way through the site.</summary>
    WidgetVisitor,

    /// <summary><c>system:announcements</c>: announcements to every authenticated user.</summary>
    SystemAnnouncements,

    /// <summary><c>system:health</c>: health of the installation.</summary>
    SystemHealth,

    /// <summary><c>system:performance</c>: performance figures of the installation.</summary>
    SystemPerformance,
}
