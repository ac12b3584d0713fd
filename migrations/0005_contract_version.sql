ALTER TABLE "jobs" ADD COLUMN "needs_version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "workers" ADD COLUMN "contract_version" integer DEFAULT 1 NOT NULL;