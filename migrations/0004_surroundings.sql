ALTER TABLE "jobs" ADD COLUMN "failed_on" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "lost_leases" text[] DEFAULT '{}' NOT NULL;